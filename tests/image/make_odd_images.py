#!/usr/bin/env python3
"""Writes odd images of every format into a folder, and what Pillow makes of each.

usage: make_odd_images.py FOLDER

A line of FOLDER/pixels.txt is: image, height, width, digest of `convert("RGB")`, or: image, refused.
The digest is the SHA-256 of the RGB bytes, row by row. Needs numpy and Pillow; what this Pillow
can't write is left out.
"""
import hashlib
import io
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

from make_images import made_image

HEIGHT, WIDTH = 37, 45
RGB = made_image(HEIGHT, WIDTH, 1)
ALPHA = made_image(HEIGHT, WIDTH, 2)[..., 0]
GREY = np.asarray(Image.fromarray(RGB).convert("L"))
BITS = (GREY > 127).astype(np.uint8)


class Folder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def write(self, name, content):
        (self.path / name).write_bytes(bytes(content))

    def save(self, name, pixels, **options):
        """By Pillow; `format` where the name's extension lies."""
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        stream = io.BytesIO()
        options.setdefault("format", Image.registered_extensions()[pathlib.Path(name).suffix])
        try:
            image.save(stream, **options)
        except (OSError, ValueError, KeyError) as error:
            print(f"left out: {name}: {error}")
            return b""
        self.write(name, stream.getvalue())
        return stream.getvalue()


def jpeg_images(folder):
    def encoded(pixels=RGB, **options):
        stream = io.BytesIO()
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(stream, "JPEG", **options)
        return stream.getvalue()

    plain = encoded(quality=85)
    folder.write("jpeg_baseline.jpg", plain)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2), ("411", "4:1:1")):
        folder.write(f"jpeg_{name}.jpg", encoded(quality=85, subsampling=subsampling))
    folder.write("jpeg_440.jpg", with_sampling(encoded(quality=85, subsampling=1), 0x12))
    folder.write("jpeg_progressive.jpg", encoded(quality=70, progressive=True))
    folder.write("jpeg_optimized.jpg", encoded(quality=70, optimize=True))
    for quality in (1, 30, 100):
        folder.write(f"jpeg_quality{quality}.jpg", encoded(quality=quality))
    folder.write("jpeg_grey.jpg", encoded(GREY))
    folder.write("jpeg_grey_progressive.jpg", encoded(GREY, progressive=True))
    cmyk = Image.fromarray(np.dstack([RGB, ALPHA]), mode="CMYK")
    folder.write("jpeg_cmyk.jpg", encoded(cmyk, quality=90))
    folder.write("jpeg_icc.jpg", encoded(icc_profile=b"\0" * 128))
    folder.write("jpeg_comment.jpg", plain[:2] + b"\xff\xfe\0\x06text" + plain[2:])
    folder.write("jpeg_fill_bytes.jpg", plain[:2] + b"\xff" * 7 + plain[2:])
    folder.write("jpeg_trailing_bytes.jpg", plain + b"\0" * 300 + b"text")
    folder.write("jpeg_two_images.jpg", plain + encoded(ALPHA))
    for orientation in (2, 3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        folder.write(f"jpeg_exif{orientation}.jpg", encoded(exif=exif))
    app0 = plain.find(b"\xff\xe0")
    length = struct.unpack(">H", plain[app0 + 2:app0 + 4])[0]
    folder.write("jpeg_no_jfif.jpg", plain[:app0] + plain[app0 + 2 + length:])
    folder.write("jpeg_ids_rgb.jpg", component_ids(plain[:app0] + plain[app0 + 2 + length:], b"RGB"))
    folder.write("jpeg_restarts.jpg", encoded(quality=80, restart_marker_rows=1))
    folder.write("jpeg_named.png", plain)
    folder.write("jpeg_named.bmp", plain)
    folder.save("jpeg_mpo.jpg", RGB, format="MPO", save_all=True,
                append_images=[Image.fromarray(ALPHA)])
    folder.write("jpeg_no_end.jpg", plain[:-2])
    folder.write("jpeg_half.jpg", plain[:len(plain) // 2])
    folder.write("jpeg_leading_byte.jpg", b"\0" + plain)
    folder.write("jpeg_two_starts.jpg", b"\xff\xd8" + plain)
    folder.write("jpeg_header_only.jpg", plain[:plain.find(b"\xff\xda")])
    folder.write("jpeg_12_bits.jpg", in_frame(plain, 4, b"\x0c"))
    folder.write("jpeg_no_rows.jpg", in_frame(plain, 5, struct.pack(">H", 0)))
    folder.write("jpeg_more_rows.jpg", in_frame(plain, 5, struct.pack(">H", 53)))
    folder.write("jpeg_bomb.jpg", in_frame(plain, 5, struct.pack(">HH", 65500, 65500)))
    folder.write("jpeg_cmyk_bomb.jpg",
                 in_frame(encoded(cmyk), 5, struct.pack(">HH", 20000, 20000)))


def in_frame(data, offset, content):
    at = data.find(b"\xff\xc0") + offset
    return data[:at] + content + data[at + len(content):]


def with_sampling(data, sampling):
    """The luma's sampling factors; 2 × 1 becomes 1 × 2, the data stays."""
    return in_frame(data, 11, bytes([sampling]))


def component_ids(data, ids):
    for i, name in enumerate(ids):
        data = in_frame(data, 10 + 3 * i, bytes([name]))
    scan = data.find(b"\xff\xda") + 5
    for i, name in enumerate(ids):
        data = data[:scan + 2 * i] + bytes([name]) + data[scan + 2 * i + 1:]
    return data


def chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content
            + struct.pack(">I", zlib.crc32(kind + content)))


def png(rows, depth, colour, *before, interlaced=0, size=(WIDTH, HEIGHT)):
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(before)
            + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def packed(values, depth):
    """Rows of `depth`-bit values, the first in the highest bits."""
    bits = np.unpackbits(values.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth:]
    return [np.packbits(row.reshape(-1)).tobytes() for row in bits]


def wide(values):
    return [row.tobytes() for row in (values.astype(np.uint16) * 256 + 77).astype(">u2")]


def adam7(pixels):
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                         (1, 0, 2, 2), (0, 1, 1, 2)):
        yield from (row.tobytes() for row in pixels[y::dy, x::dx])


def png_images(folder):
    rows = [row.tobytes() for row in RGB]
    with_alpha = np.dstack([RGB, ALPHA])
    grey_alpha = np.dstack([GREY, ALPHA])
    folder.write("png_rgb.png", png(rows, 8, 2))
    folder.write("png_interlaced.png", png(adam7(RGB), 8, 2, interlaced=1))
    folder.write("png_grey_interlaced.png", png(adam7(GREY), 8, 0, interlaced=1))
    folder.write("png_rgba.png", png([row.tobytes() for row in with_alpha], 8, 6))
    folder.write("png_rgba16.png", png(wide(with_alpha), 16, 6))
    folder.write("png_rgb16.png", png(wide(RGB), 16, 2))
    folder.write("png_grey_alpha.png", png([row.tobytes() for row in grey_alpha], 8, 4))
    folder.write("png_grey_alpha16.png", png(wide(grey_alpha), 16, 4))
    folder.write("png_grey16.png", png(wide(GREY), 16, 0))
    low = (GREY.astype(">u2") * 2)
    folder.write("png_grey16_low.png", png([row.tobytes() for row in low], 16, 0))
    for depth in (1, 2, 4, 8):
        folder.write(f"png_grey{depth}.png", png(packed(GREY >> (8 - depth), depth), depth, 0))
        palette = chunk(b"PLTE", made_image(1, 2**depth, 4).tobytes())
        values = packed(GREY >> (8 - depth), depth)
        folder.write(f"png_palette{depth}.png", png(values, depth, 3, palette))
        transparent = chunk(b"tRNS", bytes([0, 128]))
        folder.write(f"png_palette{depth}_alpha.png", png(values, depth, 3, palette, transparent))
    folder.write("png_palette_short.png",
                 png(packed(GREY % 100, 8), 8, 3, chunk(b"PLTE", made_image(1, 100, 4).tobytes())))
    folder.write("png_grey_key.png", png(packed(GREY, 8), 8, 0, chunk(b"tRNS", b"\0\x42")))
    folder.write("png_rgb_key.png", png(rows, 8, 2, chunk(b"tRNS", b"\0\x42\0\x10\0\x30")))
    folder.write("png_grey16_key.png", png(wide(GREY), 16, 0, chunk(b"tRNS", b"\x42\x42")))
    for name, content in (("gAMA", struct.pack(">I", 100000)), ("sRGB", b"\0"),
                          ("sBIT", b"\5\6\5"), ("bKGD", b"\0\1\0\2\0\3"),
                          ("pHYs", struct.pack(">IIB", 2835, 5000, 1)),
                          ("cHRM", struct.pack(">8I", *range(30000, 38000, 1000))),
                          ("tEXt", b"Comment\0text"), ("cICP", b"\x09\x10\0\1")):
        folder.write(f"png_{name}.png", png(rows, 8, 2, chunk(name.encode(), content)))
    for gamma in (45455, 22222):
        folder.write(f"png_gamma{gamma}.png",
                     png(rows, 8, 2, chunk(b"gAMA", struct.pack(">I", gamma))))
    folder.save("png_animated.png", RGB, save_all=True,
                append_images=[Image.fromarray(made_image(HEIGHT, WIDTH, 9))])
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.save("png_exif6.png", RGB, exif=exif)
    folder.write("png_named.JPEG", png(rows, 8, 2))
    plain = png(rows, 8, 2, chunk(b"sRGB", b"\0"))
    folder.write("png_trailing_bytes.png", plain + b"text")
    folder.write("png_no_end.png", plain[:-12])
    folder.write("png_half.png", plain[:len(plain) // 2])
    folder.write("png_wrong_checksum.png", plain.replace(b"sRGB\0", b"sRGB\1"))
    data = plain.find(b"IDAT")
    folder.write("png_wrong_data_checksum.png", plain[:-16] + b"\0\0\0\0" + plain[-12:])
    folder.write("png_no_data.png", plain[:data - 4] + chunk(b"IEND", b""))
    folder.write("png_bomb.png", png(rows, 8, 2, size=(60000, 60000)))
    folder.write("png_no_rows.png", png([], 8, 2, size=(WIDTH, 0)))
    folder.save("png_1x1.png", RGB[:1, :1])
    folder.save("png_1x300.png", made_image(300, 1, 3))
    folder.save("png_300x1.png", made_image(1, 300, 3))


def padded(rows):
    return b"".join(bytes(row) + b"\0" * (-len(bytes(row)) % 4) for row in rows)


def bmp(bits, compression, data, between=b"", height=HEIGHT, width=WIDTH, colours=0, size=40,
        rest=b""):
    """`rest`: what follows the first 40 bytes of a header of more."""
    offset = 14 + size + len(between)
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(data), 2835,
                         2835, colours, 0)
    return (b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset)
            + (header + rest).ljust(size, b"\0") + between + data)


def bmp_images(folder):
    red, green, blue = (RGB[..., i].astype(np.uint32) for i in range(3))
    bgr = np.ascontiguousarray(RGB[..., ::-1])
    up = [row.tobytes() for row in bgr[::-1]]
    folder.write("bmp_24.bmp", bmp(24, 0, padded(up)))
    folder.write("bmp_24_top_down.bmp",
                 bmp(24, 0, padded(row.tobytes() for row in bgr), height=-HEIGHT))
    for size in (108, 124):
        folder.write(f"bmp_24_header{size}.bmp", bmp(24, 0, padded(up), size=size))
    core = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    folder.write("bmp_os2.bmp", b"BM" + struct.pack("<IHHI", 26 + len(padded(up)), 0, 0, 26) + core
                 + padded(up))
    word = red << 16 | green << 8 | blue | 0x40000000
    four = [row.tobytes() for row in word.astype("<u4")[::-1]]
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    folder.write("bmp_32.bmp", bmp(32, 0, padded(four)))
    folder.write("bmp_32_fields.bmp", bmp(32, 3, padded(four), masks))
    folder.write("bmp_32_fields_v4.bmp",
                 bmp(32, 3, padded(four), size=108, rest=masks + struct.pack("<I", 0xFF000000)))
    swapped = [row.tobytes() for row in (blue << 16 | green << 8 | red).astype("<u4")[::-1]]
    folder.write("bmp_32_swapped.bmp",
                 bmp(32, 3, padded(swapped), struct.pack("<III", 0xFF, 0xFF00, 0xFF0000)))
    five = red >> 3 << 10 | green >> 3 << 5 | blue >> 3
    six = red >> 3 << 11 | green >> 2 << 5 | blue >> 3
    folder.write("bmp_555.bmp", bmp(16, 0, padded(r.tobytes() for r in five.astype("<u2")[::-1])))
    folder.write("bmp_565.bmp", bmp(16, 3, padded(r.tobytes() for r in six.astype("<u2")[::-1]),
                                    struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    for bits in (1, 4, 8):
        palette = made_image(1, 2**bits, 4).reshape(-1, 3)
        table = b"".join(bytes(c) + b"\0" for c in palette)
        rows = packed(GREY >> (8 - bits), bits)[::-1]
        folder.write(f"bmp_palette{bits}.bmp", bmp(bits, 0, padded(rows), table))
        grey = b"".join(bytes([v * 255 // (2**bits - 1)] * 3) + b"\0" for v in range(2**bits))
        folder.write(f"bmp_grey{bits}.bmp", bmp(bits, 0, padded(rows), grey))
        folder.write(f"bmp_grey{bits}_reversed.bmp",
                     bmp(bits, 0, padded(rows),
                         b"".join(grey[i:i + 4] for i in range(len(grey) - 4, -1, -4))))
    table = b"".join(bytes(c) + b"\0" for c in made_image(1, 100, 4).reshape(-1, 3))
    rows = [(row % 100).tobytes() for row in GREY[::-1]]
    folder.write("bmp_palette_of_100.bmp", bmp(8, 0, padded(rows), table, colours=100))
    rows = [row.tobytes() for row in BITS[::-1]]
    folder.write("bmp_palette_of_2.bmp",
                 bmp(8, 0, padded(rows), b"\0\0\0\0\xff\xff\xff\0", colours=2))
    run = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in GREY[::-1]) + b"\0\1"
    grey = b"".join(bytes([v] * 3) + b"\0" for v in range(256))
    folder.write("bmp_run_length.bmp", bmp(8, 1, run, grey))
    folder.write("bmp_half.bmp", bmp(24, 0, padded(up))[:2500])
    folder.write("bmp_bomb.bmp", bmp(24, 0, padded(up), width=60000, height=60000))
    folder.write("bmp_named.png", bmp(24, 0, padded(up)))


def webp_images(folder):
    rgba = np.dstack([RGB, ALPHA])
    for name, options in (("lossless", {"lossless": True}), ("lossy", {"quality": 80}),
                          ("lossy10", {"quality": 10})):
        folder.save(f"webp_{name}.webp", RGB, **options)
        folder.save(f"webp_{name}_alpha.webp", rgba, **options)
    folder.save("webp_grey.webp", GREY, quality=80)
    exif = Image.Exif()
    exif[0x0112] = 6
    folder.save("webp_exif6.webp", RGB, lossless=True, exif=exif)
    folder.save("webp_animated.webp", RGB, save_all=True, duration=100, lossless=True,
                append_images=[Image.fromarray(made_image(HEIGHT, WIDTH, 9))])
    encoded = folder.save("webp_named.jpg", RGB, format="WEBP", quality=80)
    folder.write("webp_half.webp", encoded[:len(encoded) // 2])


def tiff_images(folder):
    rgba = np.dstack([RGB, ALPHA])
    grey16 = GREY.astype(np.uint16) * 256 + 77
    for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        folder.save(f"tiff_{name}.tif", RGB, compression=None if name == "raw" else name)
        folder.save(f"tiff_{name}_grey.tif", GREY, compression=None if name == "raw" else name)
    for name, pixels in (
            ("rgba", rgba), ("grey16", grey16), ("int32", GREY.astype(np.int32)),
            ("float", GREY.astype(np.float32)), ("bilevel", Image.fromarray(GREY).convert("1")),
            ("grey_alpha", Image.fromarray(np.dstack([GREY, ALPHA]), "LA")),
            ("cmyk", Image.fromarray(rgba, "CMYK")), ("lab", Image.fromarray(RGB, "LAB")),
            ("palette", Image.fromarray(RGB).quantize(64)),
            ("ycbcr", Image.fromarray(RGB).convert("YCbCr"))):
        folder.save(f"tiff_{name}.tif", pixels)
    folder.save("tiff_group4.tif", Image.fromarray(GREY).convert("1"), compression="group4")
    for orientation in range(2, 9):
        folder.save(f"tiff_orientation{orientation}.tif", RGB, tiffinfo={274: orientation})
    folder.save("tiff_pages.tif", RGB, save_all=True, append_images=[Image.fromarray(RGB // 2)])
    folder.save("tiff_predictor.tif", RGB, compression="tiff_lzw", tiffinfo={317: 2})
    folder.save("tiff_white_is_zero.tif", GREY, tiffinfo={262: 0})
    encoded = folder.save("tiff_named.jpg", RGB, format="TIFF")
    folder.write("tiff_half.tif", encoded[:len(encoded) // 2])
    folder.write("tiff_big_endian.tif", big_endian_tiff())


def big_endian_tiff():
    fields = [(256, 3, 1, WIDTH << 16), (257, 3, 1, HEIGHT << 16), (258, 3, 1, 8 << 16),
              (259, 3, 1, 1 << 16), (262, 3, 1, 1 << 16), (273, 4, 1, 8), (277, 3, 1, 1 << 16),
              (278, 3, 1, HEIGHT << 16), (279, 4, 1, GREY.size)]
    directory = struct.pack(">H", len(fields)) + b"".join(
        struct.pack(">HHII", *field) for field in fields) + b"\0\0\0\0"
    return b"MM\0*" + struct.pack(">I", 8 + GREY.size) + GREY.tobytes() + directory


def netpbm_images(folder):
    def plain(values):
        return b"\n".join(b" ".join(b"%d" % v for v in row.reshape(-1)) for row in values) + b"\n"

    folder.write("netpbm_p6.ppm", b"P6\n45 37\n255\n" + RGB.tobytes())
    folder.write("netpbm_p5.pgm", b"P5 45 37 255\n" + GREY.tobytes())
    folder.write("netpbm_comments.ppm", b"P6\n# one\n45 # two\n37\n#three\n255\n" + RGB.tobytes())
    bits = b"".join(np.packbits(row).tobytes() for row in BITS)
    folder.write("netpbm_p4.ppm", b"P4\n45 37\n" + bits)
    folder.write("netpbm_p1.pgm", b"P1\n# drawn\n45 37\n" + plain(BITS))
    folder.write("netpbm_p1_dense.pgm",
                 b"P1\n45 37\n" + b"\n".join(b"".join(b"%d" % v for v in r) for r in BITS) + b"\n")
    for maximum in (1, 15, 100, 254, 256, 1023, 4095, 65535):
        scaled = RGB.astype(np.int64) * maximum // 255
        grey = GREY.astype(np.int64) * maximum // 255
        kind = ">u2" if maximum > 255 else "u1"
        folder.write(f"netpbm_p6_{maximum}.ppm",
                     b"P6\n45 37\n%d\n" % maximum + scaled.astype(kind).tobytes())
        folder.write(f"netpbm_p5_{maximum}.pgm",
                     b"P5\n45 37\n%d\n" % maximum + grey.astype(kind).tobytes())
        folder.write(f"netpbm_p3_{maximum}.ppm", b"P3\n45 37\n%d\n" % maximum + plain(scaled))
        folder.write(f"netpbm_p2_{maximum}.pgm", b"P2\n45 37\n%d\n" % maximum + plain(grey))
    folder.write("netpbm_above_maximum.pgm", b"P5\n45 37\n100\n" + GREY.tobytes())
    folder.write("netpbm_plain_above_maximum.pgm", b"P2\n45 37\n10\n" + plain(GREY))
    folder.write("netpbm_half.ppm", b"P6\n45 37\n255\n" + RGB.tobytes()[:2000])
    folder.write("netpbm_plain_half.ppm", b"P3\n45 37\n255\n" + plain(RGB)[:2000])
    folder.write("netpbm_no_maximum.ppm", b"P6\n45 37\n0\n" + RGB.tobytes())
    folder.write("netpbm_bomb.ppm", b"P6\n60000 60000\n255\n" + RGB.tobytes())
    folder.write("netpbm_named.jpg", b"P6\n45 37\n255\n" + RGB.tobytes())


def foreign_images(folder):
    """Formats that Pillow reads and comq need not, under names that comq takes for images."""
    for kind in ("GIF", "JPEG2000", "ICO", "TGA", "PCX", "SGI", "DDS", "AVIF"):
        if kind in Image.registered_extensions().values():
            folder.save(f"foreign_{kind}.jpg", RGB, format=kind)
    folder.save("foreign_animated.png", Image.fromarray(GREY), format="GIF", save_all=True,
                append_images=[Image.fromarray(ALPHA)])
    folder.write("foreign_page.jpg", b"<!DOCTYPE html><html>404</html>")
    folder.write("foreign_zeros.jpg", b"\0" * 4096)


def line_of(path):
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
    except Exception:  # Pillow has many of its own, and decompression bombs
        return f"{path.name} refused"
    return f"{path.name} {rgb.height} {rgb.width} {hashlib.sha256(rgb.tobytes()).hexdigest()}"


def main():
    folder = Folder(sys.argv[1])
    for write in (jpeg_images, png_images, bmp_images, webp_images, tiff_images, netpbm_images,
                  foreign_images):
        write(folder)
    lines = [line_of(path) for path in sorted(folder.path.iterdir())]
    folder.write("pixels.txt", ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()
