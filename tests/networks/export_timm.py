#!/usr/bin/env python3
"""Exports networks of timm with random weights for the tests of programs, as export_programs.py
does: of every kind one, as small as timm makes them."""
import pathlib
import sys

import torch

import comparison

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from exporting.environment import import_torchvision  # noqa: E402

try:
    import_torchvision()
    import timm  # noqa: E402
except ModuleNotFoundError as lacking:
    print(lacking)
    sys.exit(77)

CLASSES = 10
# Sides of the images, and what makes a network smaller than the one of that name.
NETWORKS = {
    "test_resnet": (64, {}),
    "test_byobnet": (64, {}),  # squeeze and excitation in every block
    "test_efficientnet_gn": (64, {}),
    "test_nfnet": (64, {}),  # weight standardization
    "test_convnext2": (64, {}),
    "test_mambaout": (64, {}),
    "test_vit": (160, {}),
    "test_vit3": (160, {}),  # pooled by attention, layer scale
    "vit_tiny_patch16_224": (64, {"embed_dim": 64, "depth": 2, "num_heads": 2, "reg_tokens": 4}),
    "deit_tiny_distilled_patch16_224": (64, {"embed_dim": 64, "depth": 2, "num_heads": 2}),
    "eva02_tiny_patch14_224": (56, {"embed_dim": 48, "depth": 2, "num_heads": 2}),  # SwiGLU, RoPE
    "swin_tiny_patch4_window7_224": (112, {"embed_dim": 16, "depths": (1, 2),
                                           "num_heads": (1, 2)}),
    "mobilenetv3_small_050": (64, {}),
    "mobilevit_xxs": (64, {}),
    "repvgg_a0": (64, {"width_factor": 0.25}),
    "levit_128s": (224, {"embed_dim": (32, 48, 64), "num_heads": (2, 3, 4), "key_dim": 8}),
    "pvt_v2_b0": (64, {"embed_dims": (8, 16, 24, 32), "num_heads": (1, 2, 3, 4)}),
    "densenet121": (64, {"growth_rate": 8, "block_config": (2, 2, 2)}),
}


def make(name, size, arguments):
    arguments = {"num_classes": CLASSES, **arguments}
    try:
        return timm.create_model(name, img_size=size, **arguments)
    except TypeError:  # of a network that takes images of any size
        return timm.create_model(name, **arguments)


def main():
    folder = pathlib.Path(sys.argv[1])
    for number, (name, (size, arguments)) in enumerate(NETWORKS.items()):
        torch.manual_seed(number)
        network = make(name, size, arguments)
        comparison.fill(network, size)
        data = timm.data.resolve_model_data_config(network)
        comparison.save_program(network, folder / name, {
            "resize": size, "crop": size, "interpolation": "bicubic",
            "mean": list(data["mean"]), "std": list(data["std"])})
        comparison.save_batch(network, torch.randn(3, 3, size, size), folder / name)


main()
