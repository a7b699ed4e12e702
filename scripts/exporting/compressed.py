"""The layout "pack-quantized" of the library compressed-tensors: a folder with config.json."""

import json

import torch
from safetensors.torch import save

from .environment import fail, import_torchvision, note

# Its import brings transformers, whose import needs this one to have worked.
import_torchvision()
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32  # noqa: E402
from compressed_tensors.quantization import (  # noqa: E402
    QuantizationArgs, QuantizationConfig, QuantizationScheme, QuantizationStatus)


def signed_zero_points(layer, zero_point):
    """As the format has them, for codes from −2^(bits−1) on; None: they are no such codes."""
    half = 2 ** (layer["bits"] - 1)
    zero = -zero_point - half
    if not torch.equal(zero, zero.round()):
        fail(f"{layer['name']}: zero points between the codes, which this format has not; run with "
             "quantization.zero_point=whole, or export to onnx")
    if zero.min() < -half or zero.max() >= half:
        return None
    return zero.to(torch.int8)


def packed_layer(layer, tensors):
    """The tensors of a layer, and what the config says of its weight; None: it stays floats."""
    name, bits = layer["name"], layer["bits"]
    scale = tensors[name + ".scale"]
    zero = signed_zero_points(layer, tensors[name + ".zero_point"])
    if zero is None:
        note(f"{name}: a channel has a zero point beyond its {2 ** bits} codes; the layer stays "
             "floats")
        return None
    codes = (tensors[name + ".bit_code"].to(torch.int16) - 2 ** (bits - 1)).to(torch.int8)
    symmetric = not zero.any()
    found = {"weight_packed": pack_to_int32(codes, bits), "weight_scale": scale,
             "weight_shape": torch.tensor(codes.shape)}
    if not symmetric:
        found["weight_zero_point"] = pack_to_int32(zero, bits, packed_dim=0)
    groups = scale.shape[1]
    grid = {"strategy": "channel"} if groups == 1 else {
        "strategy": "group", "group_size": layer["in_features"] // groups}
    return found, {"num_bits": bits, "symmetric": symmetric, **grid}


def config_of(targets, ignored):
    """One group of layers for each way in which weights are packed."""
    groups = {f"group_{number}": QuantizationScheme(
        targets=names, weights=QuantizationArgs(**json.loads(arguments)))
        for number, (arguments, names) in enumerate(sorted(targets.items()))}
    return QuantizationConfig(config_groups=groups, ignore=ignored, format="pack-quantized",
                              quantization_status=QuantizationStatus.COMPRESSED)


def write(job, folder, tensors):
    """Writes model.safetensors and config.json."""
    state, codes = tensors("network"), tensors("layers")
    targets, floats, size = {}, [], 0
    for layer in job["layers"]:
        made = None
        # Convolutions have no place in it: their kernels would be packed one by one.
        if layer["kind"] == "linear" and layer["groups"] == 1 and layer["order"] == [0, 1]:
            made = packed_layer(layer, codes)
        if made is None:
            floats.append(layer["name"])
            size += 4 * layer["out_features"] * layer["in_features"]
            continue
        found, grid = made
        del state[layer["parameters"][0]]
        module = layer["parameters"][0].removesuffix(".weight")
        state.update({f"{module}.{part}": tensor for part, tensor in found.items()})
        targets.setdefault(json.dumps(grid, sort_keys=True), []).append(module)
        size += sum(tensor.nbytes for tensor in found.values())
    if not targets:
        fail(f"{job['model']['name']}: no Linear layer is quantized, and this format packs nothing "
             "else; export to onnx")
    packed = {name for names in targets.values() for name in names}
    ignored = sorted(name.removesuffix(".weight") for name, tensor in state.items()
                     if name.endswith(".weight") and tensor.dim() == 2
                     and name.removesuffix(".weight") not in packed)
    # save_file would keep it from other users.
    (folder / "model.safetensors").write_bytes(save(
        {name: tensor.contiguous() for name, tensor in state.items()},
        metadata={"format": "pt", **job["metadata"]}))
    config = {"architecture": job["model"]["name"], "torch_dtype": "float32",
              "quantization_config": config_of(targets, ignored).to_dict()}
    (folder / "config.json").write_text(json.dumps(config, indent=2, default=str) + "\n")
    return {"bytes": size, "packed": len(packed), "floats": len(floats)}
