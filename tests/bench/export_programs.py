#!/usr/bin/env python3
"""Exports the networks whose speed is measured into a folder: programs, and random weights."""
import pathlib
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from python_environment import import_torchvision  # noqa: E402

torchvision = import_torchvision()
import timm  # noqa: E402

folder = pathlib.Path(sys.argv[1])
NOTES = ('{"preprocessing": {"resize": 256, "crop": 224, "interpolation": "bilinear", '
         '"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}')
for name, network in (("deit_tiny_patch16_224", timm.create_model("deit_tiny_patch16_224")),
                      ("squeezenet1_1", torchvision.models.squeezenet1_1())):
    program = torch.export.export(network.eval(), (torch.randn(2, 3, 224, 224),), strict=False,
                                  dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, folder / f"{name}.pt2", extra_files={"comq.json": NOTES})
for name, network in (("deit_tiny_patch16_224", timm.create_model("deit_tiny_patch16_224")),
                      ("vit_base_patch16_224", timm.create_model("vit_base_patch16_224")),
                      ("resnet50", torchvision.models.resnet50()),
                      ("mobilenet_v2", torchvision.models.mobilenet_v2())):
    save_file(network.state_dict(), folder / f"{name}.safetensors")
