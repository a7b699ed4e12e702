#!/usr/bin/env python3
"""Writes the checkpoints in data/ with PyTorch and NumPy; run by hand, the files are committed.

Values are simple functions of the element's index, which the tests repeat:
ramp(shape) = -1, -0.75, -0.5, ... in row-major order, exact in every floating dtype.
"""
import argparse
import collections
import os
import pathlib
import zipfile

import numpy
import torch

DATA = pathlib.Path(__file__).parent / "data"


def ramp(*shape, dtype=torch.float32):
    count = int(numpy.prod(shape))
    return (torch.arange(count, dtype=torch.float32) * 0.25 - 1).reshape(shape).to(dtype)


def save(value, name, **options):
    torch.save(value, DATA / f"zip_{name}.pth", **options)
    torch.save(value, DATA / f"legacy_{name}.pth", _use_new_zipfile_serialization=False, **options)


def module_state():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.BatchNorm2d(2))
    state = module.state_dict()  # an OrderedDict with _metadata
    for value in state.values():
        if value.is_floating_point():
            value.copy_(ramp(*value.shape))
    state["1.num_batches_tracked"].fill_(7)
    return state


def views():
    base = ramp(4, 6)
    return {
        "base": base,
        "same": base,
        "transposed": base.t(),
        "slice": base[1:3, 2:5],
        "column": base[:, 1],
        "row": base[2],
        "step": base.flatten()[1::2],
        "expanded": base[0:1].expand(3, 6),
        "permuted": ramp(2, 3, 4).permute(2, 0, 1),
        "scalar": torch.tensor(0.5),
        "empty": torch.zeros(0, 3),
    }


DTYPES = dict(f64=torch.float64, f32=torch.float32, f16=torch.float16, bf16=torch.bfloat16,
              i64=torch.int64, i32=torch.int32, i16=torch.int16, i8=torch.int8)


def dtypes():
    tensors = {name: ramp(2, 3, dtype=dtype) for name, dtype in DTYPES.items()}
    tensors["u8"] = torch.tensor([0, 1, 255], dtype=torch.uint8)
    tensors["bool"] = torch.tensor([True, False])
    return tensors


def training():
    weight = torch.nn.Parameter(ramp(2, 3))
    optimizer = torch.optim.Adam([weight])
    weight.grad = torch.ones(2, 3)
    optimizer.step()
    weight.data = ramp(2, 3)
    return {
        "epoch": 3,
        "arch": "tiny",
        "state_dict": {"module.fc.weight": weight.data, "module.fc.bias": ramp(2)},
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("imagenet"), seeds={1, 2}),
        "best": numpy.float64(81.25),
        "history": numpy.arange(3),
        "large": 2**80,
        "none": None,
        "names": collections.defaultdict(list, a=[1, 2.5, b"bytes", (1, 2, 3, 4), -70000]),
    }


def training_scripts():
    """What scripts save around a network's state_dict, by the name of the file."""
    network = {"fc.weight": ramp(2, 3), "fc.bias": ramp(2)}
    last = {"fc.weight": ramp(2, 3) * 0, "fc.bias": ramp(2)}
    parallel = {f"module.{name}": tensor for name, tensor in network.items()}
    averaged = {"n_averaged": torch.tensor(1234), **parallel}
    return {
        # pytorch/examples, bearpaw/pytorch-classification
        "beside": {"epoch": 90, "arch": "tiny", "state_dict": parallel,
                   "best_acc1": torch.tensor(81.25)},
        "rng_state": {"model": network, "rng_state": torch.get_rng_state(), "epoch": 3},
        "two_levels": {"model": {"state_dict": network, "epoch": torch.tensor(3)}},
        # torchvision's references, torch.optim.swa_utils
        "references": {"model": last, "model_ema": averaged, "epoch": 5},
        "averaged_alone": averaged,
        "empty_ema": {"state_dict": network, "state_dict_ema": {}},
        # Lightning
        "lightning": {"state_dict": {
            **{f"model.{name}": tensor for name, tensor in last.items()},
            **{f"ema_model.{name}": tensor for name, tensor in network.items()},
            "loss.weight": ramp(3)}, "callbacks": {}, "global_step": 12},
        "compiled_inside": {"state_dict": {
            f"backbone._orig_mod.{name}": tensor for name, tensor in network.items()}},
        "student": {"student": network, "metrics": {"accuracy": torch.tensor(81.25)}},
        "student_and_teacher": {"student": last, "teacher": network},
    }


def lazy_views():
    return {"plain": ramp(2, 3), "negated": torch._neg_view(-ramp(2, 3)),
            "half": torch._neg_view(-ramp(3, dtype=torch.float16)),
            "column": torch._neg_view(-ramp(2, 3))[:, 1]}


def parameters():
    plain = torch.nn.Parameter(ramp(2, 3))
    with_attribute = torch.nn.Parameter(ramp(3))
    with_attribute.no_weight_decay = True
    tensor_with_attribute = ramp(4)
    tensor_with_attribute.note = "kept by PyTorch"
    return {"plain": plain, "with_attribute": with_attribute,
            "tensor_with_attribute": tensor_with_attribute}


class Evil:
    def __reduce__(self):
        return os.system, ("touch comq_was_here",)


def deflate(name, new_name):
    with zipfile.ZipFile(DATA / name) as source:
        with zipfile.ZipFile(DATA / new_name, "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.namelist():
                target.writestr(zipfile.ZipInfo(entry), source.read(entry),
                                compress_type=zipfile.ZIP_DEFLATED)


def vit_arrays(dim=6, heads=2, depth=2, hidden=8, classes=5):
    """A tiny original ViT, and what timm makes of it, by the definition of each product."""
    draws = numpy.random.default_rng(0)
    arrays, tensors = {}, {}

    def array(name, *shape):
        arrays[name] = draws.standard_normal(shape).astype(numpy.float32)
        return arrays[name]

    def put(name, value):
        tensors[name] = torch.from_numpy(numpy.ascontiguousarray(value))

    def norm(source, target):
        put(f"{target}.weight", array(f"{source}/scale", dim))
        put(f"{target}.bias", array(f"{source}/bias", dim))

    def dense(source, target, inputs, outputs):
        put(f"{target}.weight", array(f"{source}/kernel", inputs, outputs).T)
        put(f"{target}.bias", array(f"{source}/bias", outputs))

    put("cls_token", array("cls", 1, 1, dim))
    put("patch_embed.proj.weight", numpy.einsum("hwio->oihw", array("embedding/kernel", 2, 2, 3, dim)))
    put("patch_embed.proj.bias", array("embedding/bias", dim))
    put("pos_embed", array("Transformer/posembed_input/pos_embedding", 1, 5, dim))
    for i in range(depth):
        block, to = f"Transformer/encoderblock_{i}", f"blocks.{i}"
        norm(f"{block}/LayerNorm_0", f"{to}.norm1")
        norm(f"{block}/LayerNorm_2", f"{to}.norm2")
        attention = f"{block}/MultiHeadDotProductAttention_1"
        weights, biases = [], []
        for name in ("query", "key", "value"):
            kernel = array(f"{attention}/{name}/kernel", dim, heads, dim // heads)
            weights.append(kernel.reshape(dim, dim).T)
            biases.append(array(f"{attention}/{name}/bias", heads, dim // heads).reshape(dim))
        put(f"{to}.attn.qkv.weight", numpy.concatenate(weights))
        put(f"{to}.attn.qkv.bias", numpy.concatenate(biases))
        out = array(f"{attention}/out/kernel", heads, dim // heads, dim)
        put(f"{to}.attn.proj.weight", out.reshape(dim, dim).T)
        put(f"{to}.attn.proj.bias", array(f"{attention}/out/bias", dim))
        dense(f"{block}/MlpBlock_3/Dense_0", f"{to}.mlp.fc1", dim, hidden)
        dense(f"{block}/MlpBlock_3/Dense_1", f"{to}.mlp.fc2", hidden, dim)
    norm("Transformer/encoder_norm", "norm")
    dense("head", "head", dim, classes)
    return arrays, tensors


def float8():
    """Every number of 8 bits, as PyTorch widens it, and a view of some."""
    codes = torch.arange(256, dtype=torch.uint8)
    tensors = {}
    for name in ("e4m3fn", "e5m2"):
        numbers = codes.view(getattr(torch, f"float8_{name}"))
        tensors[name] = numbers
        tensors[f"{name}.expected"] = numbers.float()
    tensors["column"] = tensors["e4m3fn"].view(16, 16)[:, 3]
    return tensors


def main():
    torch.manual_seed(0)
    DATA.mkdir(exist_ok=True)
    save(module_state(), "module_state")
    save(views(), "views")
    save(dtypes(), "dtypes")
    save(training(), "training")
    save(parameters(), "parameters")
    save({"state_dict": {"weight": ramp(2), "bias": Evil()}}, "evil")
    save({"state_dict": {"weight": ramp(2)}, "callback": Evil()}, "evil_beside")
    save(torch.nn.Linear(2, 1), "whole_module")
    torch.save(training(), DATA / "zip_protocol1.pth", pickle_protocol=1)
    for protocol in (3, 4, 5):
        save(training(), f"protocol{protocol}", pickle_protocol=protocol)
    averaged = {"model": {"w": ramp(1)}, "model_ema": {"w": ramp(2)}, "state_dict": {"w": ramp(3)}}
    torch.save(averaged, DATA / "zip_averaged.pth")
    for name, checkpoint in training_scripts().items():
        torch.save(checkpoint, DATA / f"zip_{name}.pth")
    save(lazy_views(), "lazy_views")
    torch.save({"w": torch._neg_view(torch.arange(3))}, DATA / "zip_negated_integers.pth")
    save(float8(), "float8")
    torch.save({"w": ramp(2).to(torch.float8_e4m3fnuz)}, DATA / "zip_float8_fnuz.pth")
    torch.save({"w": ramp(2).to(torch.complex64)}, DATA / "zip_complex.pth")
    torch.jit.save(torch.jit.script(torch.nn.Identity()), DATA / "torchscript.pth")
    deflate("zip_module_state.pth", "zip_deflated.pth")

    base = ramp(2, 3, 4).numpy()
    arrays = {name: base.astype(f"<{name}") for name in ("f2", "f4", "f8", "i2", "i4", "i8")}
    arrays["i1"] = base.astype("i1")
    arrays["u1"] = numpy.arange(6, dtype="u1").reshape(2, 3)
    arrays["flag"] = numpy.array([True, False])
    arrays["folder/fortran"] = numpy.asfortranarray(base)
    arrays["scalar"] = numpy.float32(0.5)
    arrays["empty"] = numpy.zeros((0, 3), "f4")
    numpy.savez(DATA / "arrays.npz", **arrays)
    numpy.savez_compressed(DATA / "arrays_compressed.npz", **arrays)
    numpy.savez(DATA / "big_endian.npz", w=base.astype(">f4"))
    arrays, tensors = vit_arrays()
    numpy.savez(DATA / "augreg_vit.npz", **arrays)
    torch.save(tensors, DATA / "augreg_vit_timm.pth")


if __name__ == "__main__":
    main()
