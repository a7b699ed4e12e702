"""Checkpoints in each format that is read, and what becomes of those with flipped bits."""

import io
import json
import pickle
import struct
import zipfile

import numpy

from . import jobs
from .workshop import BAD_INPUT, DONE, GATE, SOURCE, USAGE, flip_bits, judge

WEIGHTS = SOURCE / "datasets" / "demo" / "demo_cnn.safetensors"


def demo_tensors():
    """The weights of the demo network as {name: array}."""
    content = WEIGHTS.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    types = {"F32": numpy.float32, "I64": numpy.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = numpy.frombuffer(content[begin:end], types[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).copy()
    return tensors


def safetensors(tensors, change=lambda header: header):
    """The bytes of a file; `change` may do as it likes with its header."""
    header, data, offset = {}, [], 0
    for name, values in tensors.items():
        data.append(values.tobytes())
        header[name] = {"dtype": "I64" if values.dtype == numpy.int64 else "F32",
                        "shape": list(values.shape),
                        "data_offsets": [offset, offset + len(data[-1])]}
        offset += len(data[-1])
    header = change(header)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data)


class Opcodes:
    """A pickle of protocol 2, put together by hand: what PyTorch writes and what it never would."""

    begin = b"\x80\x02"

    @staticmethod
    def text(value):
        encoded = value.encode()
        return b"X" + struct.pack("<I", len(encoded)) + encoded

    @staticmethod
    def number(value):
        if -2**31 <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        width = min(value.bit_length() // 8 + 1, 255)
        value %= 2**(8 * width - 1)
        return b"\x8a" + bytes([width]) + value.to_bytes(width, "little", signed=True)

    @staticmethod
    def name(module, name):
        return f"c{module}\n{name}\n".encode()

    @classmethod
    def tuple(cls, *items):
        return b"(" + b"".join(items) + b"t"

    @classmethod
    def call(cls, function, *arguments):
        return function + cls.tuple(*arguments) + b"R"

    @classmethod
    def dictionary(cls, items):
        """From encoded keys to encoded values."""
        return b"}(" + b"".join(key + value for key, value in items) + b"u"

    @classmethod
    def storage(cls, key, numel, kind="FloatStorage", legacy=False):
        items = [cls.text("storage"), cls.name("torch", kind), cls.text(key), cls.text("cpu"),
                 cls.number(numel)]
        return cls.tuple(*items, *([b"N"] if legacy else [])) + b"Q"

    @classmethod
    def tensor(cls, storage, size, stride=None, offset=0):
        if stride is None:
            stride = [1] * len(size)
            for i in reversed(range(len(size) - 1)):
                stride[i] = stride[i + 1] * size[i + 1]
        return cls.call(cls.name("torch._utils", "_rebuild_tensor_v2"), storage,
                        cls.number(offset), cls.tuple(*map(cls.number, size)),
                        cls.tuple(*map(cls.number, stride)), b"\x89",
                        cls.call(cls.name("collections", "OrderedDict")))


def state_dict(tensors, legacy=False, replaced=None):
    """The pickle of a state dict; `replaced` has encoded values for some names, or new ones."""
    items = {}
    for index, (name, values) in enumerate(tensors.items()):
        kind = "LongStorage" if values.dtype == numpy.int64 else "FloatStorage"
        storage = Opcodes.storage(str(index), values.size, kind, legacy)
        items[name] = Opcodes.tensor(storage, list(values.shape))
    items.update(replaced or {})
    return Opcodes.dictionary([(Opcodes.text(name), value) for name, value in items.items()])


def torch_zip(tensors, content=None, deflated=False, more=None, data=None):
    """A .pth of today. `content`: another pickle; `more`: entries besides; `data`: by storage."""
    buffer = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", how) as archive:
        pickled = content if content is not None else state_dict(tensors)
        archive.writestr("archive/data.pkl", Opcodes.begin + pickled + b".")
        archive.writestr("archive/byteorder", "little")
        for index, values in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{index}", (data or {}).get(index, values.tobytes()))
        archive.writestr("archive/version", "3\n")
        for name, value in more or []:
            archive.writestr(name, value)
    return buffer.getvalue()


def torch_legacy(tensors, content=None, header=None):
    """A .pth from before PyTorch 1.6; `header`: the pickle of system information."""
    parts = [pickle.dumps(0x1950a86a20f9469cfc6c, 2), pickle.dumps(1001, 2),
             header or pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)]
    pickled = content if content is not None else state_dict(tensors, legacy=True)
    parts.append(Opcodes.begin + pickled + b".")
    parts.append(pickle.dumps([str(index) for index in range(len(tensors))], 2))
    for values in tensors.values():
        parts.append(struct.pack("<q", values.size) + values.tobytes())
    return b"".join(parts)


def npz(tensors, compressed=False):
    buffer = io.BytesIO()
    (numpy.savez_compressed if compressed else numpy.savez)(buffer, **tensors)
    return buffer.getvalue()


FORMATS = {
    "safetensors": safetensors,
    "pth": torch_zip,
    "deflated.pth": lambda tensors: torch_zip(tensors, deflated=True),
    "legacy.pth": torch_legacy,
    "npz": npz,
    "compressed.npz": lambda tensors: npz(tensors, compressed=True),
}


def run_with(attempt, file, *more):
    """A run on a checkpoint, with few images."""
    return attempt.run("run_experiment", jobs.CNN, *jobs.TINY, f"model.weights={file}", "-o",
                       attempt.folder / "r.h5", *more)


def flips(attempt):
    """The checkpoint is refused, or the run finishes and all of its numbers are numbers."""
    draw = attempt.draw
    name = list(FORMATS)[attempt.number % len(FORMATS)]
    whole = attempt.workshop.once(
        f"weights {name}", lambda making: making.file("w", FORMATS[name](demo_tensors())))
    file = attempt.file(f"w.{name}", whole.read_bytes())
    size = file.stat().st_size
    # Most of a checkpoint is weights; what describes them is at either end.
    begin, end = draw.choice([(0, size), (0, 4096), (0, 256), (size - 4096, size)])
    places = flip_bits(file, draw, draw.choice([1, 1, 1, 2, 8, 100]), begin, end)
    attempt.commands.append(f"flipped {places[:8]}")
    outcome = judge(run_with(attempt, file), [DONE, USAGE, BAD_INPUT, GATE], peak_mb=500)
    if outcome.code == DONE:
        jobs.require_finite(attempt.folder / "r.h5")
