#!/usr/bin/env python3
"""Compares the networks of comq with those of the installed timm, torchvision and
efficientnet_lite_pytorch: same hash weights, same hash input, logits within 1e-4 relative.

    ninja -C build/release hash_logits
    build/release/tests/networks/hash_logits FOLDER
    python tests/networks/compare_with_python.py FOLDER

Needs numpy, torch, safetensors and the libraries to compare with. Networks that none of them has
(CIFAR ResNets, demo networks) are named and left out; tests/data/golden covers the former.
"""
import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

TOLERANCE = 1e-4
UINT64 = np.uint64


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def splitmix64(value):
    value = value + UINT64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> UINT64(30))) * UINT64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> UINT64(27))) * UINT64(0x94D049BB133111EB)
    return value ^ (value >> UINT64(31))


def hash_tensor(name, shape):
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        counter = UINT64(fnv1a64(name)) + np.arange(count, dtype=UINT64)
        u = (splitmix64(counter) >> UINT64(40)).astype(np.float64) / 2**23 - 1
    if name == "input":
        values = u
    elif name.endswith("running_var"):
        values = 1 + 0.5 * u
    elif name.endswith(("running_mean", "bias")):
        values = 0.1 * u
    elif name.endswith("weight") and len(shape) >= 2:
        values = u * np.sqrt(3 / np.prod(shape[1:], dtype=np.int64))
    elif name.endswith("weight"):
        values = 1 + 0.1 * u
    else:
        values = 0.5 * u
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def same_name(name):
    return name


def swin_name(name):
    """A parameter of comq's Swin (names of timm 0.6) under its name in timm 1.x."""
    name = re.sub(r"^head\.(weight|bias)$", r"head.fc.\1", name)
    return re.sub(
        r"^layers\.(\d+)\.downsample\.", lambda m: f"layers.{int(m[1]) + 1}.downsample.", name
    )


def regnet_x_600mf():
    from torchvision.models.regnet import BlockParams, RegNet

    params = BlockParams.from_init_params(depth=16, w_0=48, w_a=36.97, w_m=2.24, group_width=24)
    return RegNet(params)


def python_network(name):
    """The network of that name and how to rename comq's parameters for it; None if there is none."""
    if name.startswith(("vit_", "deit_", "swin_")):
        import timm

        return timm.create_model(name), swin_name if name.startswith("swin_") else same_name
    if name.startswith("efficientnet_lite"):
        from efficientnet_lite_pytorch import EfficientNet

        return EfficientNet.from_name(name.replace("_", "-")), same_name
    if name == "regnet_x_600mf":
        return regnet_x_600mf(), same_name
    if name.startswith(("cifar10_", "demo_")):
        return None
    import torchvision

    return torchvision.models.get_model(name, weights=None), same_name


def is_constructor_value(name):
    return name.endswith(("num_batches_tracked", "relative_position_index", "attn_mask"))


def compare(folder, name):
    """The relative difference of the logits, or None when there is nothing to compare with."""
    found = python_network(name)
    if found is None:
        return None
    network, rename = found
    network.eval()
    shapes = json.loads((folder / f"{name}.state_dict.json").read_text())
    state = {
        rename(key): hash_tensor(key, shape)
        for key, shape in shapes.items()
        if not is_constructor_value(key)
    }
    result = network.load_state_dict(state, strict=False)
    missing = [key for key in result.missing_keys if not is_constructor_value(key)]
    if missing or result.unexpected_keys:
        raise ValueError(f"{name}: missing {missing[:3]}, unexpected {result.unexpected_keys[:3]}")
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        size = int(file.metadata()["image_size"])
        logits = file.get_tensor("logits")
    with torch.inference_mode():
        expected = network(hash_tensor("input", [2, 3, size, size]))
    return ((logits - expected).abs().max() / expected.abs().max()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="what hash_logits wrote")
    folder = parser.parse_args().folder
    failures = 0
    for file in sorted(folder.glob("*.safetensors")):
        try:
            difference = compare(folder, file.stem)
        except (ImportError, ValueError) as error:
            print(f"{file.stem:<36} FAILED: {error}")
            failures += 1
            continue
        if difference is None:
            print(f"{file.stem:<36} nothing to compare with")
            continue
        good = difference < TOLERANCE
        failures += not good
        print(f"{file.stem:<36} {difference:.1e} {'' if good else 'FAILED'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
