"""Checkpoints that somebody has made to run code, to take all memory or to write elsewhere."""

import io
import json
import struct
import zipfile

import numpy

from . import checkpoints as made
from .checkpoints import Opcodes
from .workshop import BAD_INPUT, DONE, GATE, USAGE, judge, require

FUNCTIONS = [("os", "system"), ("posix", "system"), ("subprocess", "getoutput"),
             ("subprocess", "call"), ("builtins", "eval"), ("builtins", "exec"),
             ("__builtin__", "eval"), ("builtins", "__import__"), ("runpy", "run_path"),
             ("pty", "spawn"), ("torch", "load"), ("torch.hub", "load"), ("numpy", "load"),
             ("torch._utils", "os.system"), ("torch.serialization", "os.system"),
             ("collections", "OrderedDict.__init__.__globals__"), ("webbrowser", "open"),
             ("shutil", "rmtree"), ("operator", "attrgetter"), ("functools", "partial")]


def calls_of_code(attempt, tensors):
    """A call of a function somewhere in the pickle, by one of the ways to spell it."""
    draw = attempt.draw
    module, name = draw.choice(FUNCTIONS)
    command = f"touch {attempt.folder / 'canary'}"
    argument = Opcodes.text(command if "eval" not in name and name != "exec" else
                            f"__import__('os').system({command!r})")
    call = draw.choice([
        Opcodes.call(Opcodes.name(module, name), argument),
        # INST, OBJ, NEWOBJ, STACK_GLOBAL
        b"(" + argument + f"i{module}\n{name}\n".encode(),
        b"(" + Opcodes.name(module, name) + argument + b"o",
        Opcodes.name(module, name) + Opcodes.tuple(argument) + b"\x81",
        Opcodes.text(module) + Opcodes.text(name) + b"\x93" + Opcodes.tuple(argument) + b"R",
    ])
    first = next(iter(tensors))
    place = draw.randrange(7)
    if place == 0:
        return call
    if place == 1:
        return made.state_dict(tensors, replaced={first: call})
    if place == 2:
        return made.state_dict(tensors, replaced={"beside": call})
    if place == 3:  # the function that rebuilds a tensor
        storage = Opcodes.storage("0", tensors[first].size)
        return made.state_dict(tensors, replaced={first: Opcodes.call(
            Opcodes.name(module, name), storage, argument)})
    if place == 4:  # the type of a storage
        return made.state_dict(tensors, replaced={first: Opcodes.tensor(
            Opcodes.tuple(Opcodes.text("storage"), call, Opcodes.text("0"), Opcodes.text("cpu"),
                          Opcodes.number(4)) + b"Q", list(tensors[first].shape))})
    if place == 5:  # the state of an object
        return Opcodes.call(Opcodes.name("collections", "OrderedDict")) + call + b"b"
    return Opcodes.dictionary([(call, made.state_dict(tensors))])


def code(attempt, tensors):
    content = calls_of_code(attempt, tensors)
    how = attempt.draw.randrange(3)
    if how == 0:
        return made.torch_legacy(tensors, content)
    if how == 1:
        return made.torch_legacy(tensors, header=Opcodes.begin + content + b".")
    return made.torch_zip(tensors, content)


def deep(attempt, tensors):
    """Nested without end, by itself, or multiplying."""
    draw = attempt.draw
    count = 10 ** draw.randint(3, 6)
    content = draw.choice([
        b"]" * count, b"(" * count, b"]" * count + b"a" * (count - 1), b"N" + b"\x85" * count,
        b"}" + b"N" * count, b"](" * count, b"2" * count, b"N" + b"2" * count + b"0" * count,
        b"]q\x00h\x00a", b"}q\x00X\x01\x00\x00\x00ah\x00s",  # which contain themselves
        b"]q\x00" + b"(h\x00h\x00h\x00h\x00lq\x00" * min(count, 100_000),
        b"N" + b"2\x86" * min(count, 1000),  # a tuple of twice itself, and so on
    ])
    beside = made.state_dict(tensors, replaced={"beside": content})
    write = draw.choice([made.torch_zip, made.torch_legacy])
    return write(tensors, draw.choice([content, beside]))


def lengths(attempt, tensors):
    """Lengths in opcodes, far beyond the file."""
    huge = attempt.draw.choice([2**31 - 1, 2**31, 2**32 - 1])
    enormous = attempt.draw.choice([2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
    content = attempt.draw.choice([
        b"X" + struct.pack("<I", huge), b"T" + struct.pack("<I", huge),
        b"B" + struct.pack("<I", huge), b"\x8b" + struct.pack("<I", huge),
        b"\x8d" + struct.pack("<Q", enormous), b"\x8e" + struct.pack("<Q", enormous),
        b"\x96" + struct.pack("<Q", enormous), b"\x95" + struct.pack("<Q", enormous) + b"N",
        b"Nr" + struct.pack("<I", huge), b"j" + struct.pack("<I", huge),
        b"I" + b"9" * 100_000 + b"\n", b"F1e" + b"9" * 1000 + b"\n", b"L" + b"9" * 100_000 + b"L\n",
        b"V" + b"x" * 1_000_000, b"S'" + b"x" * 100, b"p999999999999999999999\n", b"\x8a\xff\x01",
    ])
    write = attempt.draw.choice([made.torch_zip, made.torch_legacy])
    return write(tensors, content)


def shapes(attempt, tensors):
    """Tensors of sizes, strides and offsets that do not fit what is stored."""
    draw = attempt.draw
    name = draw.choice([name for name, values in tensors.items() if values.ndim > 1])
    values, key = tensors[name], str(list(tensors).index(name))
    shape, count = list(values.shape), values.size
    storage = Opcodes.storage(key, count)
    beyond = draw.choice([2**31, 2**40, 2**61, 2**62, 2**63 - 1])
    bad = draw.choice([
        Opcodes.tensor(storage, [beyond]), Opcodes.tensor(storage, [beyond] * 4),
        Opcodes.tensor(storage, [beyond, 0]), Opcodes.tensor(storage, shape, [beyond] * len(shape)),
        Opcodes.tensor(storage, shape, [-1] * len(shape)), Opcodes.tensor(storage, [-1, -1]),
        Opcodes.tensor(storage, shape, offset=beyond), Opcodes.tensor(storage, shape, offset=-1),
        Opcodes.tensor(storage, [10_000_000, 1000], [0, 0]),  # 40 GB out of one number
        Opcodes.tensor(storage, [1] * 100_000), Opcodes.tensor(storage, shape, []),
        Opcodes.tensor(Opcodes.storage(key, beyond), shape),
        Opcodes.tensor(Opcodes.storage(key, -count), shape),
        Opcodes.tensor(Opcodes.storage(key, 2**70), [2**70]),
        Opcodes.tensor(Opcodes.storage("../../../etc/passwd", count), shape),
        Opcodes.tensor(Opcodes.storage("", count), shape), Opcodes.tensor(b"N", shape),
        Opcodes.tensor(Opcodes.storage(key, count, "DoubleStorage"), shape),
        Opcodes.tensor(Opcodes.storage(key, count, "UntypedStorage"), shape),
    ])
    content = made.state_dict(tensors, replaced={name: bad})
    write = draw.choice([made.torch_zip, made.torch_legacy])
    return write(tensors, content)


def zips(attempt, tensors):
    """Archives that lie about their entries, unpack to gigabytes or name files elsewhere."""
    draw = attempt.draw
    way = draw.randrange(8)
    if way == 0:  # a storage of zeros
        data = {draw.randrange(len(tensors)): bytes(draw.choice([50, 300]) << 20)}
        return made.torch_zip(tensors, deflated=True, data=data)
    if way == 1:
        canary = attempt.folder / "canary"
        names = [str(canary), f"../../../../../../../..{canary}", "..\\..\\canary", "archive/../x",
                 "archive/data/../../../canary", "a" * 60_000, "\n\x1b[31m", "archive/data/"]
        return made.torch_zip(tensors, more=[(name, "x") for name in draw.sample(names, 3)])
    if way == 2:
        more = [(f"archive/data/{i % draw.choice([7, 70_000])}x", "") for i in range(30_000)]
        return made.torch_zip(tensors, more=list(dict(more).items()))
    if way == 3:  # two entries of one name
        return made.torch_zip(tensors, more=[("archive/data.pkl", b"N.")])
    if way == 4:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("w.npy", bytes(100 << 20))
        return inner.getvalue()
    content = bytearray(made.torch_zip(tensors, deflated=draw.random() < 0.5))
    if way == 5:  # numbers of the directory: sizes, offsets, flags, methods
        entries = []
        at = content.find(b"PK\1\2")
        while at >= 0:
            entries.append(at)
            at = content.find(b"PK\1\2", at + 4)
        for at in draw.sample(entries, min(len(entries), draw.randint(1, 3))):
            place, width = draw.choice([(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2),
                                        (30, 2), (42, 4)])
            value = draw.choice([0, 1, 255, 2**31, 2**32 - 1, draw.randrange(2**32)])
            content[at + place:at + place + width] = (value % 2**(8 * width)).to_bytes(
                width, "little")
    elif way == 6:  # the end of the directory
        at = content.rfind(b"PK\5\6")
        place, width = draw.choice([(4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)])
        value = draw.choice([0, 1, 65535, 2**32 - 1, draw.randrange(2**32)])
        content[at + place:at + place + width] = (value % 2**(8 * width)).to_bytes(width, "little")
    else:
        content = content[:draw.randrange(4, len(content))]
    return bytes(content)


def headers(attempt, tensors):
    """Headers of safetensors that lie."""
    draw = attempt.draw
    name = draw.choice(list(tensors))
    huge = draw.choice([2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64, -1, 1.5, 1e300])
    values = [
        {"dtype": "F32", "shape": [huge], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, huge]},
        {"dtype": "F32", "shape": [1], "data_offsets": [huge, huge]},
        {"dtype": "F32", "shape": [65536] * 4, "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
        {"dtype": draw.choice(["F31", "", "BOOL", "F64", "x" * 100_000]), "shape": [1],
         "data_offsets": [0, 4]},
        {"dtype": "F32"}, [], "text", None, 3, {"a": {"b": {}}},
    ]
    content = draw.choice([
        lambda header: {**header, name: draw.choice(values)},
        lambda header: {**header, draw.choice(["../../canary", "\0", "", "x" * 1_000_000, "\n"]):
                        draw.choice(values)},
        lambda header: {**header, "__metadata__": draw.choice([[], {"a": []}, 3, {"a": "b"}])},
        lambda header: b"[" * 1_000_000, lambda header: b'{"a":' * 1_000_000,
        lambda header: b"", lambda header: b"{}", lambda header: b"\xff\xfe{}", lambda header: b"{",
        lambda header: b"NaN", lambda header: b'{"a":1e99999}', lambda header: b'{"a":"\xff"}',
        lambda header: (json.dumps(header)[:-1] + "," + json.dumps(header)[1:]).encode(),
    ])
    written = made.safetensors(tensors, content)
    if draw.random() < 0.2:
        length = draw.choice([0, 1, 2**31, 2**62, 2**63, 2**64 - 1, len(written), 100_000_001])
        written = struct.pack("<Q", length) + written[8:]
    return written


def arrays(attempt, tensors):
    """Arrays of NumPy whose headers lie, or whose elements are pickles."""
    draw = attempt.draw
    name = draw.choice(list(tensors))
    huge = draw.choice([2**31, 2**40, 2**62, 2**63, 2**70, -1])
    header = draw.choice([
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({huge},), }}",
        f"{{'descr': '<f4', 'fortran_order': True, 'shape': ({huge}, {huge}), }}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "__import__('os').system('touch canary')", "{'descr': " + "(" * 50_000, "{" * 60_000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 15_000 + "), }",
        "{'descr': '<V99999999', 'fortran_order': False, 'shape': (1,), }", "",
    ]).encode()
    version = draw.choice([1, 1, 2, 3, 0, 255])
    length = struct.pack("<H" if version == 1 else "<I", len(header) % 65536)
    body = Opcodes.begin + calls_of_code(attempt, tensors) + b"."
    array = b"\x93NUMPY" + bytes([version, 0]) + length + header + body
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as z:
        for other, values in tensors.items():
            if other != name:
                plain = io.BytesIO()
                numpy.save(plain, values)
                z.writestr(f"{other}.npy", plain.getvalue())
        z.writestr(f"{draw.choice([name, '../../canary', ''])}.npy", array)
    return buffer.getvalue()


def folders(attempt, tensors):
    """A folder of Hugging Face whose index or config leads elsewhere."""
    draw = attempt.draw
    folder = attempt.folder / "model"
    attempt.file("model/model.safetensors", made.safetensors(tensors))
    shard = draw.choice(["../../../../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/stdin", ".",
                         "model.safetensors.index.json", "missing", "", "a\0b", "x" * 5000,
                         "model.safetensors/x", 3, None, ["model.safetensors"]])
    index = draw.choice([
        {"weight_map": dict.fromkeys(tensors, shard)}, {"weight_map": [shard]}, {"weight_map": {}},
        {"metadata": {"total_size": 2**70}, "weight_map": {next(iter(tensors)): shard}}, [], None])
    if draw.random() < 0.7:
        attempt.file("model/model.safetensors.index.json", json.dumps(index))
    else:
        attempt.file("model/config.json", draw.choice([
            "[" * 500_000, '{"a":' * 500_000, '{"num_labels": 1e400}', '{"num_labels": -1}', "{",
            '{"image_size": 99999999999}', '{"layer_norm_eps": "x"}', '{"architectures": 3}', ""]))
    return folder


FORGERIES = [code, code, deep, lengths, shapes, zips, zips, headers, arrays, folders]


def checkpoints(attempt):
    """Whatever a checkpoint holds, no code of it runs, and its refusal is short and small."""
    tensors = attempt.workshop.once("tensors", lambda making: made.demo_tensors())
    content = FORGERIES[attempt.number % len(FORGERIES)](attempt, tensors)
    suffix = attempt.draw.choice(["pth", "bin", "npz", "safetensors", "pt"])
    file = attempt.file(f"w.{suffix}", content) if isinstance(content, bytes) else content
    judge(made.run_with(attempt, file), [DONE, USAGE, BAD_INPUT, GATE], peak_mb=500)
    for place in (attempt.folder, attempt.folder.parent, attempt.workshop.folder):
        require(not (place / "canary").exists(), "code of the checkpoint has run")
