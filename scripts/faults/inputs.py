"""Configs as people mistype them, and networks and images at which arithmetic degenerates."""

import json
import zlib

import numpy

from . import checkpoints, jobs
from .workshop import BAD_INPUT, DONE, FAILURE, GATE, SOURCE, USAGE, judge, require

VALUES = [
    "-1", "0", "1", "2", "8", "9", "-0", "1e999", "-1e999", "1e-400", "nan", ".nan", ".inf", "inf",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
    "9" * 400, "0x10", "1_000", "0.1.2", "1e", "", "''", '""', "null", "~", "true", "no", "[]",
    "{}", "[[]]", "[1, 2]", "{a: 1}", "{a: {b: {c: 1}}}", "*alias", "&anchor 1", "!!binary AAAA",
    "!!python/object/apply:os.system ['touch canary']", "!include /etc/passwd", "${HOME}",
    "${NO_SUCH_VARIABLE}", "${", "${}", "${A:-${B:-1}}", "$(touch canary)", "`touch canary`",
    "; touch canary", "../../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/", ".",
    "~root", "\t", "a\tb", "a: b: c", "%", "@", "|", ">", "- 1", "# 1", "'", '"', "\\", "é",
    "\u202e", "\U0001f4a5", "\ufeff", "x" * 100_000, "[" * 10_000, "{a: " * 2_000, "\x7f", "\x01",
    "comq", "cpu", "cuda", "cuda:99", "rtn", "float32", "per_channel", "train", "4GB", "-4GB",
    "1e30GB", "all", "none", "first",
]


def known_keys(workshop):
    def make(attempt):
        told = judge(attempt.run("run_experiment", "--explain", "--format", "json"), [DONE])
        return [entry["key"] for entry in json.loads(told.out)]

    return workshop.once("keys", make)


def mutated(text, draw, keys):
    """A YAML file after one to four accidents."""
    for _ in range(draw.randint(1, 4)):
        lines = text.split("\n")
        row = draw.randrange(len(lines))
        place = draw.randrange(len(text) + 1)
        way = draw.randrange(13)
        if way == 0:
            del lines[row]
            text = "\n".join(lines)
        elif way == 1:
            lines.insert(draw.randrange(len(lines) + 1), lines[row])
            text = "\n".join(lines)
        elif way == 2:
            lines[row] = draw.choice([" ", "  ", "\t", "- ", "? "]) + lines[row]
            text = "\n".join(lines)
        elif way == 3:
            text = text[:place] + draw.choice(":{}[],&*#?|-<>=!%@`'\"\\\t\n\0\r") + text[place:]
        elif way == 4:
            text = text[:place] + text[place + draw.randint(1, 5):]
        elif way == 5:
            text = text[:place] + chr(draw.choice([draw.randrange(32, 127), 0xe9, 0x2028])) \
                + text[place + 1:]
        elif way in (6, 7, 8):
            before, colon, _ = lines[row].partition(":")
            lines[row] = f"{before}{colon} {draw.choice(VALUES)}"
            text = "\n".join(lines)
        elif way in (9, 10):
            section, _, key = draw.choice(keys).partition(".")
            value = draw.choice(VALUES)
            text += f"\n{section}: {{{key}: {value}}}\n" if key else f"\n{section}: {value}\n"
        elif way == 11:
            text = text[:place]
        else:
            other = draw.randrange(len(lines))
            lines[row], lines[other] = lines[other], lines[row]
            text = "\n".join(lines)
    return text


def unclosed_anchor(draw):
    """Aliases that multiply: ten lines that stand for a billion."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(lines) + f"\nquantization: {{layers: *a{draw.randint(0, 9)}}}\n"


def configs(attempt):
    """Mistyped configs, overrides, sweeps and tables are valid or refused in one line."""
    draw = attempt.draw
    keys = known_keys(attempt.workshop)
    kind = draw.choice(["file", "file", "overrides", "overrides", "sweep", "table"])
    if kind in ("sweep", "table"):
        begins = "table_" if kind == "table" else ""
        files = [file for file in sorted((SOURCE / "experiments").glob(f"{begins}*.yaml"))
                 if (kind == "table" or not file.name.startswith("table_"))
                 and file.name != "report.yaml"]
        text = mutated(draw.choice(files).read_text(), draw, keys)
        file = attempt.file("c.yaml", text)
        command = ["make_tables", file, "--results", attempt.folder] if kind == "table" else [
            "run_sweep", file, "--dry-run"]
    else:
        file = jobs.CNN
        words = []
        if kind == "file":
            names = sorted((SOURCE / "configs").glob("*.yaml"))
            text = unclosed_anchor(draw) if draw.random() < 0.02 else mutated(
                draw.choice([jobs.CNN, jobs.VIT, *names]).read_text(), draw, keys)
            file = attempt.file("c.yaml", text)
        else:
            for _ in range(draw.randint(1, 3)):
                key = draw.choice(keys)
                if draw.random() < 0.1:
                    key = draw.choice([key[:-1], key + "x", key.upper(), key.replace(".", ".."),
                                       f".{key}", "", "=", key.split(".")[0]])
                words.append(f"{key}={draw.choice(VALUES)}")
        # Few files are still valid, and an estimate measures the machine.
        how = draw.choice(["--print-config"] * 6 + ["--list-layers", "--dry-run"])
        command = ["run_experiment", file, *words, how]
    judge(attempt.run(*command), [DONE, USAGE, BAD_INPUT], peak_mb=1000)
    made = {path.name for path in attempt.folder.iterdir()} - {"c.yaml", "log1.out", "log1.err"}
    require(not made, f"files were made: {', '.join(sorted(made))}")


def png(pixels):
    """A PNG of an array [height, width, 3]."""
    height, width, _ = pixels.shape

    def chunk(kind, data):
        return (len(data).to_bytes(4, "big") + kind + data
                + zlib.crc32(kind + data).to_bytes(4, "big"))

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows)) \
        + chunk(b"IEND", b"")


def image_folder(attempt, images, count):
    """Keys of a folder of ten classes with `count` images each, which `images()` draws."""
    for split in ("train", "val"):
        for label in range(10):
            for number in range(count):
                attempt.file(f"data/{split}/c{label}/{number}.png", png(images()))
    attempt.file("data/synsets.txt", "".join(f"c{label}\n" for label in range(10)))
    return ["data.layout=imagefolder", f"data.root={attempt.folder / 'data'}",
            "data.calibration=train", "data.evaluation=val", "data.synsets=synsets.txt"]


def degenerate_weights(tensors, draw):
    """Changes one tensor, or all of a kind; says how."""
    weights = sorted(name for name, values in tensors.items() if values.ndim > 1)
    norms = sorted(name for name, values in tensors.items()
                   if values.ndim == 1 and values.dtype == numpy.float32)
    name = draw.choice(weights if draw.random() < 0.7 else norms)
    if draw.random() < 0.2:
        names = weights
    else:
        names = [name]
    way = draw.choice(["zero", "constant", "nan", "inf", "huge", "tiny", "denormal", "dead channel",
                       "dead input", "one outlier", "rank 1", "equal rows", "negative", "one nan",
                       "duplicate inputs"])
    for name in names:
        values = tensors[name]
        flat = values.reshape(values.shape[0], -1)
        if way in ("zero", "constant", "nan", "inf"):
            values[...] = {"zero": 0, "constant": draw.choice([1e-3, 1, -1]), "nan": numpy.nan,
                           "inf": numpy.inf}[way]
        elif way in ("huge", "tiny", "denormal"):
            values *= {"huge": draw.choice([1e20, 1e37]), "tiny": 1e-30, "denormal": 1e-41}[way]
        elif way == "dead channel":
            flat[draw.randrange(len(flat))] = 0
        elif way == "dead input":
            flat[:, draw.randrange(flat.shape[1])] = 0
        elif way == "one outlier":
            flat[0, 0] = draw.choice([1e6, -1e10, 1e38])
        elif way == "rank 1":
            flat[...] = flat[0] * numpy.linspace(-1, 1, len(flat), dtype=numpy.float32)[:, None]
        elif way == "equal rows":
            flat[...] = flat[0]
        elif way == "negative":
            values *= -1
        elif way == "duplicate inputs":
            flat[:, :] = flat[:, :1]
        else:
            flat[draw.randrange(len(flat)), draw.randrange(flat.shape[1])] = numpy.nan
    return f"{way}: {', '.join(names[:2])}"


def degenerate_images(attempt):
    """Keys of images that tell nothing: of one colour, a single one, all the same."""
    draw = attempt.draw
    way = draw.choice(["black", "white", "grey", "same", "one pixel", "a line"])
    generator = numpy.random.default_rng(draw.randrange(2**32))
    same = generator.integers(0, 256, (32, 32, 3), dtype=numpy.uint8)
    shape = {"one pixel": (1, 1, 3), "a line": (1, 400, 3)}.get(way, (32, 32, 3))
    colour = {"black": 0, "white": 255}.get(way, 128)
    attempt.commands.append(f"images: {way}")
    return image_folder(attempt, lambda: same if way == "same" else
                        numpy.full(shape, colour, numpy.uint8), 1)


METHODS = ["rtn", "gptq", "gpfq", "beacon", "adaround", "comq", "comq_plus"]


def options(draw, method):
    """Keys at the ends of their ranges."""
    words = [f"quantization.method={method}", f"quantization.bits={draw.choice([2, 3, 4, 8])}"]
    if method == "adaround":
        words.append("quantization.iterations=20")
    if draw.random() < 0.4:
        words.append("quantization.granularity=" + draw.choice(["per_layer", "per_group"]))
    if method != "beacon" and draw.random() < 0.2:
        words.append("quantization.symmetric=true")
    if draw.random() < 0.2:
        words += ["calibration.inputs=quantized", "calibration.holdout=2"]
    if draw.random() < 0.2:
        words.append("repair.bias_correction=true")
    if draw.random() < 0.15:
        words.append("repair.fold_batch_norm=true")
    if draw.random() < 0.1:
        words += ["repair.output_refit=true", "calibration.holdout=2"]
    return words + ["activations.bits=" + draw.choice(["2", "8"])] * (draw.random() < 0.2)


def numerics(attempt):
    """A degenerate network or image is refused, or gives a result whose every number is one."""
    draw = attempt.draw
    method = METHODS[attempt.number % len(METHODS)]
    words = options(draw, method) + [f"calibration.images={draw.choice([1, 2, 4])}"]
    if draw.random() < 0.25:
        words += degenerate_images(attempt)
    weights = None
    tensors = checkpoints.demo_tensors()
    if draw.random() < 0.85:
        attempt.commands.append(degenerate_weights(tensors, draw))
        write = draw.choice([checkpoints.safetensors, checkpoints.torch_zip, checkpoints.npz])
        weights = attempt.file("w", write(tensors))
        words.append(f"model.weights={weights}")
    result = attempt.folder / "r.h5"
    outcome = judge(attempt.run("run_experiment", jobs.CNN, *checkpoints_free(jobs.TINY),
                                "evaluation.allow_chance=true", *words, "-o", result),
                    [DONE, FAILURE, USAGE, BAD_INPUT, GATE])
    if outcome.code != DONE:
        return
    require(all(numpy.isfinite(values).all() for values in tensors.values()),
            "weights that are no numbers were quantized")
    jobs.require_finite(result)
    rotated = any(word.startswith(("repair.", "quantization.symmetric")) for word in words)
    if not rotated:
        jobs.require_weight_errors(result, tensors)


def checkpoints_free(words):
    """The keys of a tiny run without those that tries choose."""
    return [word for word in words
            if not word.startswith(("quantization.method", "calibration.images"))]
