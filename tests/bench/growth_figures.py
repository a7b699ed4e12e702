"""How time and memory grow: with images, with the points of a sweep, with the files of a table.

Prints a table and writes a flat JSON. Run by scripts/run_benchmarks.sh.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import h5py
import numpy
from PIL import Image

IMAGE_COUNTS = (1_000, 10_000, 50_000)
QUICK_IMAGE_COUNTS = (500, 1_000, 4_000)
SWEEP_POINTS = 100
TABLE_FILES = 5_000
TABLE_BITS = (2, 3, 4)


def run(*command):
    """Seconds and peak memory in bytes of a program that must succeed."""
    start = time.perf_counter()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as program:
        words = program.stderr.read()
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        sys.exit(f"{command[0]} ended with {program.returncode}: {words.splitlines()[-1:]}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def draw_images(folder, count):
    """JPEGs of 32 x 32 pixels in ten class folders."""
    random = numpy.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    for i in range(count):
        coarse = random.integers(0, 256, (8, 8, 3), dtype=numpy.uint8)
        image = Image.fromarray(coarse).resize((32, 32), Image.BILINEAR)
        image.save(folder / str(i % 10) / f"{i:06}.jpg", quality=90)


def image_figures(programs, scratch, counts):
    """Calibration and evaluation of ResNet-20 on so many small JPEGs."""
    all_images = scratch / "images"
    draw_images(all_images, max(counts))
    measured = []
    for count in counts:
        some = scratch / f"images_{count}"
        for file in sorted(all_images.glob("*/*.jpg"), key=lambda path: path.name)[:count]:
            target = some / file.relative_to(all_images)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)
        measured.append(run(
            programs / "run_experiment", "configs/cifar_resnet20_4bit.yaml", f"data.root={some}",
            "data.layout=imagefolder", "data.calibration=.", "data.evaluation=.",
            f"calibration.images={count}", "evaluation.images=all", "evaluation.allow_chance=true",
            "--output", scratch / f"{count}.h5"))
    (first, _), (second, memory), (third, most_memory) = measured
    few, some, many = counts
    return {
        "small_images_per_second": (many - some) / (third - second),
        # Seconds of a further image late against early: 1 where time grows linearly.
        "seconds_of_an_image_late_over_early":
            (third - second) / (many - some) / ((second - first) / (some - few)),
        "memory_growth_to_most_small_images": most_memory / memory,
    }


def sweep_figures(programs, scratch):
    """A sweep against its points run one after the other."""
    config = pathlib.Path("configs/demo_cnn_4bit.yaml").resolve()
    few = ["calibration.images=64", "evaluation.images=100"]
    sweep = scratch / "points.yaml"
    sweep.write_text(f"config: {config}\noverrides: {{calibration.images: 64, "
                     f"evaluation.images: 100}}\ngrid:\n  seed: {list(range(SWEEP_POINTS))}\n"
                     f"folder: {scratch / 'points'}\n")
    alone = min(run(programs / "run_experiment", config, *few, f"seed={seed}", "--output",
                    scratch / f"alone_{seed}.h5")[0] for seed in range(3))
    seconds, _ = run(programs / "run_sweep", sweep)
    return {"sweep_of_100_over_its_points": seconds / (SWEEP_POINTS * alone)}


def seal(file):
    """Appends the digest that comq writes (src/storage/seal.hpp); h5py has cut it off."""
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    file.write_bytes(
        content + f"\ncomq: SHA-256 of the bytes before this line {digest}\n".encode())


def table_figures(programs, scratch, count):
    """A table over copies of three runs, each with another seed."""
    results = scratch / "results"
    results.mkdir()
    config = pathlib.Path("configs/demo_cnn_4bit.yaml").resolve()
    for bits in TABLE_BITS:
        original = scratch / f"{bits}_bits.h5"
        run(programs / "run_experiment", config, "quantization.method=rtn",
            f"quantization.bits={bits}", "evaluation.images=200", "--output", original)
        for seed in range(count // len(TABLE_BITS)):
            copy = results / f"{bits}_bits_seed{seed}.h5"
            shutil.copyfile(original, copy)
            with h5py.File(copy, "r+") as file:
                text = file.attrs["config"]
                text = text.decode() if isinstance(text, bytes) else text
                file.attrs["config"] = re.sub(r"^seed: \d+$", f"seed: {seed}", text, flags=re.M)
                file.attrs["identity"] = f"{seed:032x}{bits:032x}"
                file["provenance"].attrs["seed"] = seed
            seal(copy)
    spec = scratch / "table.yaml"
    rows = "\n".join(f"  - {{id: b{bits}, label: {bits} bits, set: {{quantization: "
                     f"{{method: rtn, bits: {bits}}}}}}}" for bits in TABLE_BITS)
    spec.write_text("title: Copies\nmeasure: top1\n"
                    f"seeds: {list(range(count // len(TABLE_BITS)))}\n"
                    "set: {evaluation: {images: 200}}\n"
                    f"columns:\n  - {{id: cnn, label: CNN, config: {config}}}\nrows:\n{rows}\n")
    seconds, memory = run(programs / "make_tables", spec, "--results", results)
    return {"table_files": len(list(results.iterdir())), "table_seconds": seconds,
            "table_memory_bytes": memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    programs, scratch = arguments.programs.resolve(), arguments.scratch
    counts = QUICK_IMAGE_COUNTS if arguments.quick else IMAGE_COUNTS
    figures = table_figures(programs, scratch, TABLE_FILES)
    figures |= sweep_figures(programs, scratch)
    figures |= image_figures(programs, scratch, counts)
    for name, value in figures.items():
        print(f"{name:<56}{value:>12.4g}")
    arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
