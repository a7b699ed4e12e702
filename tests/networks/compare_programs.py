#!/usr/bin/env python3
"""Tries networks of timm and torchvision as programs, with random weights: compares comq's logits
with PyTorch's, layers with the modules that ran, and quantizes to 4 bits. Prints a row of Markdown
each.

    ninja -C build/release program_logits run_experiment inspect_results
    python tests/networks/compare_programs.py --results build/programs [NAME...]

Without names, all of architectures.txt. What was tried before is read from the folder of results
instead, a JSON file each. Needs the PyTorch that comq is built with, timm, torchvision and Pillow.
One thread; batches of 3, exported at 2. Programs are deleted once they are compared.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import torch

import comparison

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
from exporting import networks  # noqa: E402
from exporting.program import exported, first_line  # noqa: E402

CALIBRATION_IMAGES = 8
EVALUATION_IMAGES = 4
# Beyond, where COMQ takes minutes, round-to-nearest shows that layers can be quantized.
COMQ_OPERATIONS = 1e10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=SOURCE / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--again", action="store_true", help="tries again what failed")
    parser.add_argument("--print", action="store_true", help="tries nothing more")
    parser.add_argument("names", nargs="*", help="timm:NAME or torchvision:NAME")
    given = parser.parse_args()
    if not given.names:
        lines = pathlib.Path(__file__).with_name("architectures.txt").read_text().splitlines()
        given.names = [line for line in lines if line and not line.startswith("#")]
    return given


def save_images(folder, classes):
    """Smooth random images, small: a folder for calibration, and one with a class for evaluation.
    """
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    for split, count in (("train", CALIBRATION_IMAGES), ("val", EVALUATION_IMAGES)):
        place = folder / split / "0000"
        place.mkdir(parents=True)
        for number in range(count):
            coarse = torch.rand(1, 3, 8, 8, generator=generator)
            image = torch.nn.functional.interpolate(coarse, (96, 96), mode="bicubic").clamp(0, 1)[0]
            pixels = (image * 255).byte().permute(1, 2, 0).contiguous()
            Image.frombytes("RGB", (96, 96), bytes(pixels.untyped_storage())).save(
                place / f"{number}.jpeg")
    (folder / "synsets.txt").write_text("".join(f"{label:04}\n" for label in range(classes)))


def answer_of(command):
    """The JSON that a program prints; its errors are the answer when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout)
    return {"error": f"exit code {done.returncode}: "
                     f"{(done.stdout + done.stderr).strip().splitlines()[-1][:400]}"}


def compare(build, folder, network, size):
    """What program_logits finds, and the modules that it does not find."""
    called = comparison.save_batch(network, torch.randn(3, 3, size, size), folder / "net")
    found = answer_of([build / "tests" / "networks" / "program_logits",
                       *(folder / f"net.{ending}" for ending in ("pt2", "images", "logits"))])
    if "error" in found:
        return found
    refused = {what["name"] for what in found["unquantizable"]}
    missed = sorted(called - set(found["layers"]) - refused)
    found["modules"] = len(called)
    # A weight that is computed goes by the name of its node.
    found["missed"] = missed if len(missed) > len(refused - called) else []
    return found


def operations(network):
    """What a sweep of COMQ over all layers costs: outputs · inputs² of each."""
    return sum(module.weight.flatten(1).shape[0] * module.weight.flatten(1).shape[1] ** 2
               for module in network.modules() if isinstance(module, comparison.LAYERS))


def quantize(build, folder, classes, method):
    save_images(folder / "data", classes)
    run = answer_of([
        build / "bin" / "run_experiment", SOURCE / "configs" / "any_network_4bit.yaml",
        f"quantization.method={method}", *(["quantization.sweeps=1"] if method == "comq" else []),
        f"model.program={folder / 'net.pt2'}", f"data.root={folder / 'data'}",
        "data.synsets=synsets.txt", f"calibration.images={CALIBRATION_IMAGES}",
        "evaluation.allow_chance=true", "resources.threads=1", "resources.cache=null",
        f"output.file={folder / 'run.h5'}", "--quiet", "--json"])
    if "error" in run:
        return run
    return answer_of([build / "bin" / "inspect_results", folder / "run.h5", "--json"])


def tried(build, name, folder):
    library, _, architecture = name.partition(":")
    torch.manual_seed(0)
    make = networks.of_timm if library == "timm" else networks.of_torchvision
    network, notes = make(architecture, pretrained=False)
    size = notes["preprocessing"]["crop"]
    comparison.fill(network, size)
    program, classes = exported(network, size)
    torch.export.save(program, folder / "net.pt2",
                      extra_files={"comq.json": json.dumps(notes)})
    found = compare(build, folder, network, size)
    if "error" in found:
        return found
    found["method"] = "comq" if operations(network) < COMQ_OPERATIONS else "rtn"
    run = quantize(build, folder, classes, found["method"])
    if "error" in run:
        return {**found, "error": "quantized: " + run["error"]}
    found["quantized"] = [layer["name"] for layer in run["layers"]]
    return found


def described(refused):
    """Reasons with how often each holds, or the layer's name where there is one."""
    by_reason = {}
    for what in refused:
        by_reason.setdefault(what["reason"], []).append(what["name"])
    return "; ".join(f"{names[0] if len(names) == 1 else f'{len(names)} layers'}: {reason}"
                     for reason, names in by_reason.items())


def problems(found):
    if "error" in found:
        return [found["error"]]
    wrong = []
    if found["difference"] is None or found["difference"] > 1e-5:
        wrong.append(f"logits differ by {found['difference']}")
    if found["missed"]:
        wrong.append(f"layers missed: {', '.join(found['missed'])}")
    if len(found["quantized"]) + len(found["kept"]) != len(found["layers"]):
        wrong.append(f"{len(found['quantized'])} layers quantized")
    return wrong


def row(name, found):
    if wrong := problems(found):
        return f"| {name} | FAILED: {'; '.join(wrong)} |"
    difference = f"{found['difference']:.0e}" if found["difference"] else "0"
    return (f"| {name} | {difference} | {found['modules']} | {len(found['layers'])} | "
            f"{len(found['quantized'])} | {', '.join(found['kept'])} | "
            f"{described(found['unquantizable'])} |")


def main():
    given = arguments()
    given.results.mkdir(parents=True, exist_ok=True)
    print("| network | largest difference | modules | layers | quantized | kept by default | "
          "can't be quantized |\n|---|---|---|---|---|---|---|")
    failed = 0
    for name in given.names:
        file = given.results / (re.sub(r"\W", "_", name) + ".json")
        found = json.loads(file.read_text()) if file.exists() else None
        if given.print and found is None:
            continue
        if found is None or (given.again and problems(found)):
            with tempfile.TemporaryDirectory(dir=given.results) as folder:
                try:
                    found = tried(given.build, name, pathlib.Path(folder))
                except (Exception, SystemExit) as error:  # pylint: disable=broad-except
                    found = {"error": f"not exported: {first_line(error)[:300]}"}
            file.write_text(json.dumps(found))
        failed += bool(problems(found))
        print(row(name, found), flush=True)
    sys.exit(failed > 0)


main()
