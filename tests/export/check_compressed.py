#!/usr/bin/env python3
"""Decompresses a folder with the library compressed-tensors; its bits are a float checkpoint's.

    check_compressed.py FOLDER FILE.safetensors LAYERS     that are packed at least; others are floats
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from exporting.environment import import_torchvision  # noqa: E402

import_torchvision()
import torch  # noqa: E402
from compressed_tensors.compressors import PackedQuantizationCompressor  # noqa: E402
from compressed_tensors.quantization import QuantizationConfig  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def main():
    folder, expected, layers = pathlib.Path(sys.argv[1]), load_file(sys.argv[2]), int(sys.argv[3])
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    assert config["quant_method"] == "compressed-tensors" and config["format"] == "pack-quantized"
    config = QuantizationConfig.model_validate(config)
    tensors = load_file(folder / "model.safetensors")
    packed = 0
    for scheme in config.config_groups.values():
        for layer in scheme.targets:
            parts = {name.removeprefix(layer + "."): tensors.pop(name) for name in list(tensors)
                     if name.startswith(layer + ".weight")}
            weight = PackedQuantizationCompressor.decompress(parts, scheme)["weight"]
            assert torch.equal(weight, expected.pop(layer + ".weight")), layer
            packed += 1
    assert packed >= layers, packed
    assert set(tensors) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(tensors[name], tensor), name


if __name__ == "__main__":
    main()
