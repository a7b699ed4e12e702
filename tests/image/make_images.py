#!/usr/bin/env python3
"""Writes the odd images of tests/image/images and what Pillow makes of them.

Run by hand (needs numpy and Pillow before 13, which resizes downwards first when the height shrinks
much more than the width; Resize of the shorter side never does); the output is committed. A line of
  pixels.txt  is: image, height, width, digest of `Image.open(image).convert("RGB")`,
  resize.txt  is: image, interpolation, height, width, digest of Pillow's `resize`,
  crop.txt    is: image, interpolation, shorter side, crop, digest of Resize and CenterCrop as
              torchvision does them on Pillow images,
where a digest is the SHA-256 of the RGB bytes, row by row.
"""
import hashlib
import pathlib
import sys

import numpy as np
import PIL
from PIL import Image

FOLDER = pathlib.Path(__file__).parent / "images"


def made_image(height, width, seed):
    """Smooth gradients with edges and noise: compresses well, yet no two regions look alike."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    channels = [
        127 + 100 * np.sin(x / 5.0 + seed) + 20 * np.cos(y / 3.0),
        127 + 90 * np.sin(y / 7.0 + x / 11.0),
        ((x // 8 + y // 8) % 2) * 200 + 20,
    ]
    values = np.stack(channels, axis=-1) + random.normal(0, 12, (height, width, 3))
    return np.clip(values, 0, 255).astype(np.uint8)


def save(name, image, **options):
    image.save(FOLDER / name, **options)


def expected(name):
    with Image.open(FOLDER / name) as image:
        return image.convert("RGB")


def write_images():
    rgb = Image.fromarray(made_image(37, 45, 1))
    save("baseline.jpg", rgb, quality=85)
    save("chroma444.jpg", rgb, quality=90, subsampling=0)
    save("chroma422.jpg", rgb, quality=80, subsampling=1)
    save("progressive.jpg", rgb, quality=80, progressive=True)
    save("restart.jpg", rgb, quality=80, restart_marker_rows=1)
    save("gray.jpg", rgb.convert("L"), quality=85)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: to be ignored
    save("exif_rotated.jpg", rgb, quality=85, exif=exif)
    save("rgb.png", rgb)
    (FOLDER / "png_named.JPEG").write_bytes((FOLDER / "rgb.png").read_bytes())
    save("gray.png", rgb.convert("L"))
    save("bilevel.png", rgb.convert("1"))
    alpha = Image.fromarray(made_image(37, 45, 2)).convert("L")
    with_alpha = rgb.copy()
    with_alpha.putalpha(alpha)
    save("rgba.png", with_alpha)
    gray_alpha = rgb.convert("L")
    gray_alpha.putalpha(alpha)
    save("gray_alpha.png", gray_alpha)
    palette = rgb.quantize(16)
    save("palette.png", palette)
    save("palette_transparent.png", palette, transparency=3)
    save("rgb.bmp", rgb)
    save("lossless.webp", rgb, lossless=True)

    cmyk = np.concatenate([made_image(37, 45, 3), made_image(37, 45, 4)[..., :1]], axis=-1)
    save("cmyk.jpg", Image.fromarray(cmyk, mode="CMYK"), quality=90)
    write_ycck()
    write_16_bit(rgb)
    write_flipped_bits()


def write_ycck():
    """Pillow can't write YCCK; Adobe's marker with transform 2 says so, the data need not know."""
    data = bytearray((FOLDER / "cmyk.jpg").read_bytes())
    marker = data.find(b"\xff\xee\x00\x0eAdobe")
    if marker < 0:
        sys.exit("this Pillow writes no Adobe marker into a CMYK JPEG")
    data[marker + 15] = 2
    (FOLDER / "ycck.jpg").write_bytes(data)
    plain = data[:marker] + data[marker + 16:]
    (FOLDER / "cmyk_without_adobe.jpg").write_bytes(plain)


def write_16_bit(rgb):
    import struct
    import zlib

    def chunk(kind, payload):
        body = kind + payload
        return struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body))

    values = np.asarray(rgb).astype(np.uint16) * 256 + 77
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    (FOLDER / "rgb16.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b""))
    gray = (np.arange(37)[:, None] * 45 + np.arange(45)[None]) * 39
    Image.fromarray(gray.astype(np.uint16)).save(FOLDER / "gray16.png")


def write_flipped_bits():
    """Damage inside the scan that libjpeg, and so Pillow, decodes with a warning."""
    data = bytearray((FOLDER / "baseline.jpg").read_bytes())
    middle = data.find(b"\xff\xda") + (len(data) - data.find(b"\xff\xda")) // 2
    data[middle] ^= 0x10
    (FOLDER / "flipped_bit.jpg").write_bytes(data)


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
SIZES = [(1, 1), (2, 3), (5, 90), (37, 45), (37, 20), (60, 45), (73, 91), (256, 311), (1, 400)]
CROPS = [(32, 28), (37, 37), (37, 24), (24, 32), (40, 33), (56, 55), (100, 1)]


def resize_and_crop(image, shorter, size, resample):
    width, height = image.size
    if width <= height:
        resized = image.resize((shorter, int(shorter * height / width)), resample)
    else:
        resized = image.resize((int(shorter * width / height), shorter), resample)
    width, height = resized.size
    if width < size or height < size:
        left, top = max(0, (size - width) // 2), max(0, (size - height) // 2)
        padded = Image.new("RGB", (max(width, size), max(height, size)))
        padded.paste(resized, (left, top))
        resized = padded
        width, height = resized.size
    top, left = int(round((height - size) / 2.0)), int(round((width - size) / 2.0))
    return resized.crop((left, top, left + size, top + size))


def write_digests():
    resized, cropped = [], []
    for source in ["rgb.png", "tall.png", "dot.png"]:
        image = expected(source)
        for name, resample in FILTERS.items():
            for height, width in SIZES:
                result = image.resize((width, height), resample)
                resized.append(f"{source} {name} {height} {width} {digest(result)}")
            for shorter, size in CROPS:
                result = resize_and_crop(image, shorter, size, resample)
                cropped.append(f"{source} {name} {shorter} {size} {digest(result)}")
    (FOLDER / "resize.txt").write_text("\n".join(resized) + "\n")
    (FOLDER / "crop.txt").write_text("\n".join(cropped) + "\n")


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    write_images()
    pixels = []
    for path in sorted(FOLDER.iterdir()):
        image = expected(path.name)
        pixels.append(f"{path.name} {image.height} {image.width} {digest(image)}")
    (FOLDER / "pixels.txt").write_text("\n".join(pixels) + "\n")
    save("tall.png", Image.fromarray(made_image(143, 17, 5)))
    save("dot.png", Image.fromarray(made_image(1, 2, 6)))
    write_digests()
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"Pillow {PIL.__version__}: {len(list(FOLDER.iterdir()))} files, {total} bytes")


if __name__ == "__main__":
    main()
