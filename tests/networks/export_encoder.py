#!/usr/bin/env python3
"""Exports DeiT-Tiny with its real weights as PyTorch's own TransformerEncoder, a network that no
family of comq knows, in the folder that is named. Ends in 77 without the weights."""
import os
import pathlib
import sys

import torch
from torch import nn

import comparison

WIDTH, HEADS, DEPTH, PATCH, SIZE = 192, 3, 12, 16, 224
# Names of timm, and of nn.TransformerEncoder.
PARTS = {"norm1.": "norm1.", "norm2.": "norm2.", "mlp.fc1.": "linear1.", "mlp.fc2.": "linear2.",
         "attn.proj.": "self_attn.out_proj.", "attn.qkv.": "self_attn.in_proj_"}


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.first = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.zeros(1, 1 + (SIZE // PATCH) ** 2, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, activation="gelu",
                                           layer_norm_eps=1e-6, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, DEPTH, nn.LayerNorm(WIDTH, eps=1e-6),
                                             enable_nested_tensor=False)
        self.classes = nn.Linear(WIDTH, 1000)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.first.expand(x.shape[0], -1, -1), x), 1) + self.position
        return self.classes(self.encoder(x)[:, 0])


def renamed(name):
    for before, after in (("patch_embed.proj.", "patch."), ("cls_token", "first"),
                          ("pos_embed", "position"), ("norm.", "encoder.norm."),
                          ("head.", "classes.")):
        if name.startswith(before):
            return after + name.removeprefix(before)
    block, number, rest = name.split(".", 2)
    assert block == "blocks", name
    part = next(part for part in PARTS if rest.startswith(part))
    return f"encoder.layers.{number}.{PARTS[part]}{rest.removeprefix(part)}"


def main():
    assets = pathlib.Path(os.environ.get("COMQ_ASSETS",
                                         pathlib.Path(__file__).parents[3] / "shared" / "assets"))
    weights = assets / "weights" / "deit_tiny_patch16_224.safetensors"
    try:
        from safetensors.torch import load_file

        tensors = load_file(weights)
    except (ModuleNotFoundError, FileNotFoundError) as lacking:
        print(lacking)
        sys.exit(77)
    network = Encoder().eval()
    network.load_state_dict({renamed(name): tensor for name, tensor in tensors.items()})
    comparison.save_program(network, pathlib.Path(sys.argv[1]) / "encoder", {
        "resize": 248, "crop": SIZE, "interpolation": "bicubic",
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]})


main()
