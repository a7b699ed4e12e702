#!/usr/bin/env python3
"""Exports small networks for the tests of programs: NAME.pt2 with NAME.images, NAME.logits and
NAME.layers (comparison.py) of a batch of 3, in the folder that is named."""
import pathlib
import sys

import torch

import comparison
import family_networks
import network_kinds
import product_networks
import small_networks

SIZE = 32
PREPROCESSING = {"resize": SIZE, "crop": SIZE, "interpolation": "bilinear",
                 "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}


def main():
    folder = pathlib.Path(sys.argv[1])
    makers = (small_networks.KINDS + (family_networks.demo_cnn, family_networks.demo_vit)
              + network_kinds.KINDS + product_networks.KINDS
              + (network_kinds.Recurrent, small_networks.Attentions))
    for number, make in enumerate(makers):
        torch.manual_seed(number)
        network = make()
        comparison.fill(network, SIZE)
        stem = folder / make.__name__.lower().replace("_", "")
        comparison.save_program(network, stem, PREPROCESSING)
        if make is family_networks.demo_vit:  # the same network as another file
            (folder / "copies").mkdir()
            comparison.save_program(network, folder / "copies" / "demovit", PREPROCESSING)
        comparison.save_batch(network, torch.randn(3, 3, SIZE, SIZE), stem)


main()
