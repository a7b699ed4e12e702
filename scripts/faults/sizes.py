"""Small files that claim to hold gigabytes: refused before anything is taken for them."""

import base64
import io
import shutil
import struct
import tarfile
import zipfile
import zlib

import h5py
import numpy

from . import checkpoints, inputs, jobs
from .checkpoints import Opcodes
from .workshop import BAD_INPUT, DONE, USAGE, judge

MOST_MB = 500
GIGABYTE = 1 << 30


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_of(width, height, rows=2):
    """A PNG whose header says so, with fewer rows."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress((b"\0" + bytes(3 * min(width, 65_536))) * rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


JPEG = base64.b64decode(  # 8 × 8 pixels, grey
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAAIAAgBAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QA"
    "tRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0"
    "NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2"
    "t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/APn+v//Z")


def jpeg_of(width, height):
    at = JPEG.find(b"\xff\xc0")
    return JPEG[:at + 5] + struct.pack(">HH", height % 65536, width % 65536) + JPEG[at + 9:]


def bmp_of(width, height):
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, width, height, 1, 24, 0, 0,
                               0, 0, 0, 0) + bytes(946)


def ppm_of(width, height):
    return f"P6 {width} {height} 255\n".encode() + bytes(1000)


def tiff_of(width, height):
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1),
               (262, 3, 1, 1), (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height),
               (279, 4, 1, 1000)]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0") + bytes(1000)


def webp_of(width, height):
    bits = (width - 1) % 16384 | (height - 1) % 16384 << 14
    body = b"WEBPVP8L" + struct.pack("<I", 500) + b"\x2f" + struct.pack("<I", bits) + bytes(495)
    return b"RIFF" + struct.pack("<I", len(body)) + body


IMAGES = {"png": png_of, "jpg": jpeg_of, "bmp": bmp_of, "ppm": ppm_of, "tif": tiff_of,
          "webp": webp_of}


def image(attempt):
    """An evaluation image."""
    draw = attempt.draw
    kind = draw.choice(list(IMAGES))
    width, height = draw.choice([(13_000, 13_000), (65_500, 65_500), (2**31 - 1, 2**31 - 1),
                                 (170_000_000, 1), (1, 170_000_000), (16_000, 11_000), (0, 0)])
    most = {"jpg": 65_535, "webp": 16_384}.get(kind, 2**30 - 1)
    width, height = min(width, most), min(height, most)
    keys = inputs.image_folder(
        attempt, lambda: numpy.full((8, 8, 3), draw.randrange(256), numpy.uint8), 1)
    (attempt.folder / "data/val/c3/0.png").unlink()
    attempt.file(f"data/val/c3/0.{kind}", IMAGES[kind](width, height))
    attempt.commands.append(f"a {kind} of {width} x {height}")
    return ["run_experiment", jobs.CNN, *jobs.TINY, *keys, "-o", attempt.folder / "r.h5"]


def zeros_in_zip(names, megabytes):
    """An archive whose entries unpack to that many zeros each, and honestly say so."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, begin in names:
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(begin)
                for _ in range(megabytes):
                    entry.write(bytes(1 << 20))
    return buffer.getvalue()


def numpy_header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def checkpoint(attempt):
    """A checkpoint that unpacks to gigabytes, or says that it does."""
    draw = attempt.draw
    megabytes = draw.choice([700, 1000])
    tensors = checkpoints.demo_tensors()
    name = next(name for name, values in tensors.items() if values.ndim > 1)
    way = draw.randrange(5)
    if way == 0:
        content = attempt.workshop.once(f"npz of {megabytes}", lambda making: zeros_in_zip(
            [(f"{name}.npy", numpy_header((megabytes << 18,)))], megabytes))
    elif way == 1:  # many arrays, none of them enormous
        content = attempt.workshop.once("npz of many", lambda making: zeros_in_zip(
            [(f"{other}.npy", numpy_header((60 << 18,))) for other in list(tensors)[:12]], 60))
    elif way == 2:
        size = megabytes << 18
        bomb = Opcodes.tensor(Opcodes.storage("0", size), [size])
        pickled = Opcodes.begin + Opcodes.dictionary([(Opcodes.text(name), bomb)]) + b"."
        content = attempt.workshop.once(f"pth of {megabytes}", lambda making: zeros_in_zip(
            [("archive/data/0", b"")], megabytes))
        buffer = io.BytesIO(content)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("archive/data.pkl", pickled)
        content = buffer.getvalue()
    elif way == 3:  # data.pkl itself
        content = attempt.workshop.once(f"pickle of {megabytes}", lambda making: zeros_in_zip(
            [("archive/data.pkl", Opcodes.begin + b"N")], megabytes))
    else:
        shape = [megabytes << 18]
        content = checkpoints.safetensors(tensors, lambda header: {
            **header, name: {"dtype": "F32", "shape": shape,
                             "data_offsets": [0, megabytes << 20]}})
    attempt.commands.append(f"{len(content)} bytes, way {way}, {megabytes} MB")
    file = attempt.file("w.bin", content)
    return ["run_experiment", jobs.CNN, *jobs.TINY, f"model.weights={file}", "-o",
            attempt.folder / "r.h5"]


def extents(attempt):
    """A result whose tables have rows without end."""
    draw = attempt.draw
    file = attempt.folder / "r.h5"
    shutil.copy(jobs.undisturbed(attempt.workshop, "comq")["file"], file)
    with h5py.File(file, "r+") as result:
        layer = next(iter(result["codes"]))
        rows = draw.choice([5 << 28, 2**40])
        name, kind, shape = draw.choice([
            ("layers/error", "f8", (rows,)), ("parameters/more", "f4", (rows,)),
            ("layers/name", h5py.string_dtype(), (rows,)), ("stages/seconds", "f8", (rows,)),
            (f"codes/{layer}/bit_code", "u1", (rows, 1024)),
            (f"codes/{layer}/scale", "f4", (1024, rows)),
            ("evaluation/quantized/prediction", "i8", (rows,)),
            ("evaluation/quantized/image", h5py.string_dtype(), (rows,)),
            ("calibration/image", h5py.string_dtype(), (rows,))])
        if name in result:
            del result[name]
        chunks = tuple(min(extent, 1024) for extent in shape)
        result.create_dataset(name, shape, kind, chunks=chunks)
    attempt.commands.append(f"{name}: {shape}")
    program = draw.choice([["inspect_results"], ["check_results"],
                           ["compare_results", jobs.undisturbed(attempt.workshop, "comq")["file"]],
                           ["export_model", "-o", attempt.folder / "e.safetensors"],
                           ["make_report", "--no-images", "-o", attempt.folder / "page.html"]])
    return [*program, file]


def archive_member(attempt):
    """An archive of images whose members claim any size."""
    draw = attempt.draw
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for number in range(4):
            for suffix, content in (("png", png_of(8, 8, 8)), ("cls", b"1")):
                member = tarfile.TarInfo(f"{number}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    content = bytearray(buffer.getvalue())
    size = draw.choice([GIGABYTE, 2**33 - 1, 2**40, 2**63 - 1])
    at = 512 * draw.choice([0, 2, 4])
    content[at + 124:at + 136] = b"\x80" + size.to_bytes(11, "big")
    content[at + 148:at + 156] = b" " * 8
    content[at + 148:at + 156] = b"%06o\0 " % sum(content[at:at + 512])
    attempt.file("data/a.tar", bytes(content))
    return ["run_experiment", jobs.CNN, *jobs.TINY, "data.layout=webdataset",
            f"data.root={attempt.folder / 'data'}", "data.calibration=a.tar",
            "data.evaluation=a.tar", "-o", attempt.folder / "r.h5"]


def aliases(attempt):
    """YAML in which ten lines stand for a billion."""
    file = attempt.file("c.yaml", inputs.unclosed_anchor(attempt.draw))
    return attempt.draw.choice([["run_experiment", file], ["run_sweep", file, "--dry-run"],
                                ["make_tables", file]])


CLAIMS = [image, image, checkpoint, extents, extents, archive_member, checkpoint, aliases]


def refusals(attempt):
    """The refusal takes less than 500 MB."""
    command = CLAIMS[attempt.number % len(CLAIMS)](attempt)
    program, *words = command
    # Not every program reads what a result claims.
    codes = [USAGE, BAD_INPUT] if program == "run_experiment" else [DONE, USAGE, BAD_INPUT]
    judge(attempt.run(program, *words), codes, peak_mb=MOST_MB)
