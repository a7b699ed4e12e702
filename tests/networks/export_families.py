#!/usr/bin/env python3
"""Exports networks of comq's own families, in the folder that is named: NAME.pt2, and NAME.pth with
its random weights."""
import functools
import pathlib
import sys

import torch

import comparison
import family_networks

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def preprocessing(resize, crop, interpolation, mean=MEAN, std=STD):
    return {"resize": resize, "crop": crop, "interpolation": interpolation, "mean": mean,
            "std": std}


NETWORKS = {
    "deit_tiny_patch16_224": (family_networks.deit_tiny, preprocessing(248, 224, "bicubic")),
    "squeezenet1_1": (family_networks.SqueezeNet, preprocessing(256, 224, "bilinear")),
    "efficientnet_lite0": (family_networks.EfficientNetLite0, preprocessing(
        256, 224, "bicubic", [127 / 255] * 3, [128 / 255] * 3)),
    **{f"cifar10_resnet{depth}": (functools.partial(family_networks.CifarResNet, depth),
                                  preprocessing(0, 32, "bilinear")) for depth in (20, 32, 56)}}


def main():
    folder = pathlib.Path(sys.argv[1])
    for number, (name, (make, images)) in enumerate(NETWORKS.items()):
        torch.manual_seed(number)
        network = make()
        comparison.fill(network, images["crop"])
        comparison.save_program(network, folder / name, images)
        torch.save(network.state_dict(), folder / f"{name}.pth")


if __name__ == "__main__":
    main()
