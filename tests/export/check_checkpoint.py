#!/usr/bin/env python3
"""A file of PyTorch has the tensors of a safetensors file: check_checkpoint.py A.pth B.safetensors"""
import sys

import torch
from safetensors.torch import load_file

found, expected = torch.load(sys.argv[1], weights_only=True), load_file(sys.argv[2])
assert set(found) == set(expected) and found
for name, tensor in expected.items():
    assert torch.equal(found[name], tensor), name
