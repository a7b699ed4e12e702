#!/usr/bin/env python3
"""Writes a network of PyTorch as one file that comq reads: model.program=FILE.

  scripts/export_network.py timm:convnext_tiny.fb_in1k -o convnext_tiny.pt2
  scripts/export_network.py torchvision:resnext50_32x4d -o resnext50.pt2
  scripts/export_network.py timm:resnet18 --classes 37 --weights pets.pth -o pets.pt2
  scripts/export_network.py my_module:make_network -o mine.pt2 --size 192 --resize 220 \\
      --interpolation bicubic --mean 0.5 0.5 0.5 --std 0.5 0.5 0.5

The file is what torch.export.save writes, for batches of any size, in evaluation mode and float32,
with notes beside it: how images are prepared (as the publisher of the weights does, where timm or
torchvision knows), the checkpoint, its source and licence. make_network is a function without
arguments, found in the working directory or PYTHONPATH, that returns a module from images
[batch, 3, size, size] to logits [batch, classes]. What is written is read again and compared with
the module.
"""

import argparse
import json
import os
import pathlib

from exporting import environment
from exporting.environment import fail, note

EPILOG = """Where python3 has PyTorch (and timm or torchvision for their networks) it is used.
Else the script installs the versions of exporting/requirements.txt into a virtual environment of
its own, and goes on there."""

LIBRARIES = {"timm": ["torch", "torchvision", "timm"], "torchvision": ["torch", "torchvision"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="timm:NAME, torchvision:NAME or MODULE:FUNCTION")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="FILE.pt2")
    parser.add_argument("--weights", type=pathlib.Path,
                        help=".safetensors or .pth with the module's own names, instead of the "
                             "publisher's weights")
    parser.add_argument("--random", action="store_true", help="random weights; nothing is fetched")
    parser.add_argument("--classes", type=int,
                        help="of a network of timm or torchvision, if not the publisher's")
    parser.add_argument("--size", type=int, help="sides of the square images, pixels")
    parser.add_argument("--resize", type=int, help="their shorter side before cutting, pixels")
    parser.add_argument("--interpolation", choices=["bilinear", "bicubic"])
    for name in ("mean", "std"):
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar=("R", "G", "B"))
    parser.add_argument("--checkpoint", help="name of the weights, for the notes")
    parser.add_argument("--license", help="their licence, for the notes")
    return parser.parse_args()


def checked(given):
    """LIBRARY or MODULE, and NAME or FUNCTION, of arguments that make sense together."""
    where, _, name = given.network.partition(":")
    if not name:
        fail(f"{given.network}: write timm:NAME, torchvision:NAME or MODULE:FUNCTION")
    if given.weights and not given.weights.exists():
        fail(f"there is no {given.weights}")
    if given.classes and where not in LIBRARIES:
        fail("--classes is for networks of timm and torchvision; a function makes its own head")
    return where, name


def made(where, name, given):
    """The network in evaluation mode with its weights, and the notes for comq.json."""
    from exporting import networks

    pretrained = not given.random and given.weights is None
    if where not in LIBRARIES:
        network, notes = networks.of_module(where, name)
    else:
        library = networks.of_timm if where == "timm" else networks.of_torchvision
        network, notes = library(name, pretrained, given.size, given.classes)
    network = network.float().eval()
    if given.weights:
        networks.load_weights(network, given.weights)
        notes.update(checkpoint=given.weights.name, source="", license="")
    preprocessing = notes["preprocessing"]
    for key, value in (("crop", given.size), ("resize", given.resize), ("mean", given.mean),
                       ("std", given.std), ("interpolation", given.interpolation)):
        if value is not None:
            preprocessing[key] = value
    for key in ("checkpoint", "license"):
        notes[key] = getattr(given, key) or notes[key]
    return network, notes


def main():
    given = arguments()
    where, name = checked(given)
    environment.enter(LIBRARIES.get(where, ["torch"]))
    import torch
    from exporting.program import exported, largest_difference

    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13):
        note(f"comq reads what PyTorch 2.13 writes; this is {torch.__version__}")
    network, notes = made(where, name, given)
    preprocessing = notes["preprocessing"]
    size = preprocessing.get("crop")
    if size is None:
        fail("the size of the images is not known; give --size")

    program, classes = exported(network, size)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    # Under its own name once it is whole and compared: a run may have the old file mapped.
    written = given.output.with_name(f".{given.output.stem}.{os.getpid()}.partial.pt2")
    try:
        torch.export.save(program, written, extra_files={"comq.json": json.dumps(notes)})
        difference = largest_difference(network, written, size)
        if difference < 1e-5:
            written.replace(given.output)
    finally:
        written.unlink(missing_ok=True)
    if not difference < 1e-5:
        fail(f"the program's logits differ from the module's by {difference:.1e} of their largest; "
             "does the module draw random numbers?")
    missing = [key for key in ("resize", "crop", "interpolation", "mean", "std")
               if key not in preprocessing]
    if missing:
        note("how images are prepared is not known; a config must give "
             + ", ".join("model.preprocessing." + key for key in missing))
    print(f"{given.output}: {given.network}, {classes} classes, images of {size} x {size}; its "
          f"logits differ from the module's by {difference:.1e} of their largest")


if __name__ == "__main__":
    main()
