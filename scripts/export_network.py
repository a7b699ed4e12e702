#!/usr/bin/env python3
"""Writes a network of PyTorch as one file that comq reads: model.program=FILE.

  scripts/export_network.py timm:convnext_tiny.fb_in1k -o convnext_tiny.pt2
  scripts/export_network.py torchvision:resnext50_32x4d -o resnext50.pt2
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
import importlib
import json
import math
import pathlib
import sys

INSTALL = """needs PyTorch 2.13, and timm or torchvision for their networks, in a virtual environment:
  python3 -m venv build/export
  build/export/bin/python -m pip install --extra-index-url https://download.pytorch.org/whl/cpu \\
      torch==2.13.0 timm
  build/export/bin/python scripts/export_network.py NETWORK -o FILE.pt2"""

try:
    import torch
except ModuleNotFoundError as missing:
    sys.exit(f"export_network.py: {sys.executable} has no {missing.name}; it {INSTALL}")


def fail(message):
    sys.exit(f"export_network.py: {message}")


def imported(library):
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as missing:
        fail(f"{sys.executable} has no {missing.name}; it {INSTALL}")


def of_timm(name, pretrained):
    timm = imported("timm")
    try:
        network = timm.create_model(name, pretrained=pretrained)
    except RuntimeError as error:
        fail(f"timm:{name}: {error}")
    data = timm.data.resolve_model_data_config(network)
    size = data["input_size"][-1]
    if data["input_size"][-2] != size:
        fail(f"timm:{name}: its images are not square: {data['input_size']}")
    if data.get("crop_mode", "center") != "center":
        print(f"export_network.py: note: timm prepares images of {name} by crop_mode="
              f"{data['crop_mode']}; comq resizes the shorter side and cuts out the middle")
    config = network.pretrained_cfg
    hub = config.get("hf_hub_id")
    return network, {
        "preprocessing": {
            "resize": math.floor(size / data["crop_pct"]), "crop": size,
            "interpolation": data["interpolation"], "mean": list(data["mean"]),
            "std": list(data["std"])},
        "checkpoint": ".".join(filter(None, [config.get("architecture"), config.get("tag")])),
        "source": f"https://huggingface.co/{hub}" if hub else config.get("url", ""),
        "license": config.get("license") or ""}


def of_torchvision(name, pretrained):
    models = imported("torchvision.models")
    try:
        weights = models.get_model_weights(name).DEFAULT
        network = models.get_model(name, weights=weights if pretrained else None)
    except ValueError as error:
        fail(f"torchvision:{name}: {error}")
    prepare = weights.transforms()
    return network, {
        "preprocessing": {
            "resize": prepare.resize_size[0], "crop": prepare.crop_size[0],
            "interpolation": prepare.interpolation.value, "mean": list(prepare.mean),
            "std": list(prepare.std)},
        "checkpoint": f"{name}.{weights.name}", "source": weights.url,
        "license": "BSD-3-Clause"}


def of_module(module, function):
    sys.path.insert(0, "")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ModuleNotFoundError, AttributeError) as error:
        fail(f"{module}:{function}: {error}")
    network = make()
    if not isinstance(network, torch.nn.Module):
        fail(f"{module}:{function}() returns {type(network).__name__}, no torch.nn.Module")
    return network, {"preprocessing": {}, "checkpoint": "", "source": f"{module}:{function}",
                     "license": ""}


def load_weights(network, file):
    if file.suffix == ".safetensors":
        tensors = imported("safetensors.torch").load_file(file)
    else:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
        for entry in ("state_dict", "model"):
            if isinstance(tensors.get(entry), dict):
                tensors = tensors[entry]
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        fail(f"{file}: {error}")


def exported(network, size):
    batch = torch.randn(2, 3, size, size)
    with torch.no_grad():
        logits = network(batch)
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
            fail("the module returns no logits [batch, classes]; wrap it in one that does")
        program = torch.export.export(network, (batch,), strict=False, dynamic_shapes=(
            {0: torch.export.Dim("batch")},))
    return program, logits.shape[1]


def largest_difference(network, file, size):
    """Of logits, between the module and what was written; of another batch than the export's."""
    batch = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = network(batch)
        again = torch.export.load(file).module()(batch)
    return ((again - logits).abs().max() / logits.abs().max()).item()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog=INSTALL,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="timm:NAME, torchvision:NAME or MODULE:FUNCTION")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True, help="FILE.pt2")
    parser.add_argument("--weights", type=pathlib.Path,
                        help=".safetensors or .pth with the module's own names, instead of the "
                             "publisher's weights")
    parser.add_argument("--random", action="store_true", help="random weights; nothing is fetched")
    parser.add_argument("--size", type=int, help="sides of the square images, pixels")
    parser.add_argument("--resize", type=int, help="their shorter side before cutting, pixels")
    parser.add_argument("--interpolation", choices=["bilinear", "bicubic"])
    for name in ("mean", "std"):
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar=("R", "G", "B"))
    parser.add_argument("--checkpoint", help="name of the weights, for the notes")
    parser.add_argument("--license", help="their licence, for the notes")
    return parser.parse_args()


def main():
    given = arguments()
    where, _, name = given.network.partition(":")
    if not name:
        fail(f"{given.network}: write timm:NAME, torchvision:NAME or MODULE:FUNCTION")
    if given.weights and not given.weights.exists():
        fail(f"there is no {given.weights}")
    if not torch.__version__.startswith("2.13."):
        print(f"export_network.py: note: comq reads what PyTorch 2.13 writes; this is "
              f"{torch.__version__}")
    pretrained = not given.random and given.weights is None
    if where in ("timm", "torchvision"):
        network, notes = (of_timm if where == "timm" else of_torchvision)(name, pretrained)
    else:
        network, notes = of_module(where, name)
    network = network.float().eval()
    if given.weights:
        load_weights(network, given.weights)
        notes["checkpoint"] = given.weights.name
    preprocessing = notes["preprocessing"]
    for key, value in (("crop", given.size), ("resize", given.resize), ("mean", given.mean),
                       ("std", given.std), ("interpolation", given.interpolation)):
        if value is not None:
            preprocessing[key] = value
    for key in ("checkpoint", "license"):
        notes[key] = getattr(given, key) or notes[key]
    size = preprocessing.get("crop")
    if size is None:
        fail("the size of the images is not known; give --size")

    program, classes = exported(network, size)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, given.output, extra_files={"comq.json": json.dumps(notes)})
    difference = largest_difference(network, given.output, size)
    if not difference < 1e-5:
        given.output.unlink()
        fail(f"the program's logits differ from the module's by {difference:.1e} of their largest; "
             "does the module draw random numbers?")
    missing = [key for key in ("resize", "crop", "interpolation", "mean", "std")
               if key not in preprocessing]
    if missing:
        print("export_network.py: note: how images are prepared is not known; a config must give "
              + ", ".join("model.preprocessing." + key for key in missing))
    print(f"{given.output}: {given.network}, {classes} classes, images of {size} x {size}; its "
          f"logits differ from the module's by {difference:.1e} of their largest")


if __name__ == "__main__":
    main()
