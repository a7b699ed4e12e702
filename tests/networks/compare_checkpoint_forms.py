#!/usr/bin/env python3
"""Compares predictions of comq and of timm, torchvision or transformers on checkpoints in the forms
that people have them in.

  tests/networks/compare_checkpoint_forms.py ASSETS [--run RUN_EXPERIMENT] [--only FORM...]

Saves the weights of DeiT-Tiny and SqueezeNet 1.1 in ASSETS/weights, and those of EfficientNet-Lite0
in the file that --lite0 names, in each form. Python evaluates a network once on the photos of
ASSETS/imagenet/val, prepared as its publisher does; comq evaluates every form. Prints a Markdown
table; the exit status is 1 when a prediction differs. Needs torch, timm, torchvision, transformers,
h5py, safetensors and Pillow.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

# Wheels of torchvision for another PyTorch have no operators here; these networks need none.
register_fake = torch.library.register_fake
torch.library.register_fake = lambda name, *rest, **options: (
    (lambda function: function) if name.startswith("torchvision::")
    else register_fake(name, *rest, **options))

import timm  # noqa: E402
import torchvision  # noqa: E402

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)
BYTES = ((127 / 255,) * 3, (128 / 255,) * 3)
BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR


class Photos:
    """Images of some classes, in folders by class, and the list of all classes."""

    def __init__(self, root, synsets):
        self.root, self.synsets = root, synsets
        classes = [line.split()[0] for line in synsets.open()]
        self.files = [file for name in classes for file in sorted((root / "val" / name).glob("*"))]

    def keys(self):
        return [f"data.root={self.root}", "data.evaluation=val", f"data.synsets={self.synsets}"]

    def names(self):
        return [str(file.relative_to(self.root / "val")) for file in self.files]


def prepared(file, resize, crop, resample, colours):
    image = Image.open(file).convert("RGB")
    width, height = image.size
    short = min(width, height)
    image = image.resize((int(resize * width / short), int(resize * height / short)), resample)
    left, top = (int(round((length - crop) / 2.0)) for length in image.size)
    image = image.crop((left, top, left + crop, top + crop))
    pixels = torch.from_numpy(numpy.asarray(image).copy()).permute(2, 0, 1).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in colours)
    return (pixels - mean) / std


@torch.no_grad()
def predictions_of(network, photos, recipe):
    """The class by image name."""
    network.eval()
    found = {}
    for first in range(0, len(photos.files), 25):
        files = photos.files[first:first + 25]
        logits = network(torch.stack([prepared(file, *recipe) for file in files]))
        logits = getattr(logits, "logits", logits)
        found.update(zip(photos.names()[first:first + 25], logits.argmax(1).tolist()))
    return found


def evaluate(run, folder, photos, words):
    """comq's class by image name, and its Top-1."""
    result = folder / "result.h5"
    config = folder / "config.yaml"
    config.write_text("defaults: [base/imagenet_eval, base/comq]\n")
    command = [str(run), str(config), *photos.keys(), *words, "quantization.method=none",
               "resources.cache=null", f"output.file={result}", "--restart", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {}, done.stderr.strip().splitlines()[-1]
    with h5py.File(result) as file:
        evaluation = file["evaluation/full_precision"]
        names = [name.decode() if isinstance(name, bytes) else name
                 for name in evaluation["image"][:]]
        return (dict(zip(names, evaluation["prediction"][:].tolist())),
                f"{evaluation.attrs['top1']:.2f}")


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + name, tensor) for name, tensor in state.items())


def saved(file, value, **options):
    torch.save(value, file, **options)
    return file


def written(file, state):
    file.parent.mkdir(exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, file)
    return file


def shards(folder, state):
    names = list(state)
    index = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = written(folder / f"model-{number:05}-of-00002.safetensors",
                       {name: state[name] for name in part})
        index.update({name: file.name for name in part})
    text = json.dumps({"metadata": {}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(text)
    return folder


def of_the_hub(folder, state, architecture, config):
    written(folder / "model.safetensors", state)
    fields = {name: config[name] for name in ("tag", "input_size", "interpolation", "crop_pct",
                                              "crop_mode", "mean", "std", "num_classes")}
    (folder / "config.json").write_text(
        json.dumps({"architecture": architecture, "pretrained_cfg": fields}))
    return folder


def of_transformers(folder, state, eps):
    """The network in transformers, and what its save_pretrained writes."""
    from transformers import ViTConfig, ViTForImageClassification
    dim = state["cls_token"].shape[-1]
    network = ViTForImageClassification(ViTConfig(
        hidden_size=dim, num_attention_heads=3, intermediate_size=4 * dim,
        num_labels=len(state["head.bias"]), layer_norm_eps=eps))
    parts = {"cls_token": "vit.embeddings.cls_token",
             "pos_embed": "vit.embeddings.position_embeddings",
             "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
             "norm": "vit.layernorm", "head": "classifier", "norm1": "layernorm_before",
             "norm2": "layernorm_after", "attn.proj": "attention.o_proj",
             "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    renamed = {}
    for name, tensor in state.items():
        place, kind = name.rsplit(".", 1) if "." in name else (name, "")
        block = ""
        if place.startswith("blocks."):
            _, number, place = place.split(".", 2)
            block = f"vit.layers.{number}."
        end = f".{kind}" if kind else ""
        if place == "attn.qkv":
            for letter, rows in zip("qkv", tensor.split(dim)):
                renamed[f"{block}attention.{letter}_proj{end}"] = rows
        else:
            renamed[f"{block}{parts[place]}{end}"] = tensor
    network.load_state_dict(renamed)
    network.save_pretrained(folder)
    return network


def of_fewer_classes(folder, photos, state, kept):
    """Photos of every `kept`-th class that has some, and a network with their rows alone."""
    classes = [line.split()[0] for line in photos.synsets.open()]
    numbers = [number for number, name in enumerate(classes)
               if (photos.root / "val" / name).is_dir()][::kept]
    (folder / "val").mkdir(parents=True)
    for number in numbers:
        (folder / "val" / classes[number]).symlink_to(photos.root / "val" / classes[number])
    synsets = folder / "synsets.txt"
    synsets.write_text("".join(classes[number] + "\n" for number in numbers))
    head = {f"head.{kind}": state[f"head.{kind}"][numbers] for kind in ("weight", "bias")}
    return Photos(folder, synsets), {**state, **head}


def deit_forms(assets, photos, folder):
    state = load_file(assets / "weights/deit_tiny_patch16_224.safetensors")
    network = timm.create_model("deit_tiny_patch16_224")
    network.load_state_dict(state)
    recipe = (248, 224, BICUBIC, IMAGENET)
    expected = predictions_of(network, photos, recipe)
    last = {name: tensor * 0 for name, tensor in state.items()}
    averaged = {"n_averaged": torch.tensor(7), **prefixed(state, "module.")}
    negated = {name: torch._neg_view(-tensor) for name, tensor in state.items()}
    config = timm.models.get_pretrained_cfg("deit_tiny_patch16_224").to_dict()
    files = {
        "safetensors": written(folder / "deit.safetensors", state),
        ".pth": saved(folder / "deit.pth", state),
        ".pth, legacy format": saved(folder / "legacy.pth", state,
                                     _use_new_zipfile_serialization=False),
        "shards with an index": shards(folder / "sharded", state),
        "folder of timm on Hugging Face": of_the_hub(folder / "hub", state, "deit_tiny_patch16_224",
                                                     config),
        "Lightning": saved(folder / "deit.ckpt", {
            "state_dict": {**prefixed(state, "model."), "criterion.weight": torch.ones(3)},
            "global_step": 5}),
        "pytorch/examples": saved(folder / "examples.pth.tar", {
            "state_dict": prefixed(state, "module."), "best_acc1": torch.tensor(72.1)}),
        "torchvision/references, averaged": saved(folder / "references.pth", {
            "model": last, "model_ema": averaged, "epoch": 3}),
        "torch.compile": saved(folder / "compiled.pth", prefixed(state, "_orig_mod.")),
        "negated views": saved(folder / "negated.pth", negated),
    }
    name = "model.name=deit_tiny_patch16_224"
    for form, file in files.items():
        yield f"DeiT-Tiny, {form}", photos, [name, f"model.weights={file}"], expected
    yield "DeiT-Tiny, the last step of such a file", photos, [
        name, f"model.weights={saved(folder / 'swapped.pth', {'model': state, 'model_ema': last})}",
        "model.state_dict=model"], expected
    yield "DeiT-Tiny, under the name of ViT-Tiny", photos, [
        "model.name=vit_tiny_patch16_224",
        f"model.weights={assets}/weights/deit_tiny_patch16_224.safetensors"], expected

    for eps in (1e-12, 0.05):  # the second changes predictions
        saved_to = folder / f"transformers-{eps}"
        theirs = predictions_of(of_transformers(saved_to, state, eps), photos, recipe)
        yield (f"DeiT-Tiny, transformers, epsilon {eps}", photos,
               [name, f"model.weights={saved_to}", "evaluation.allow_chance=true"], theirs)

    some, fewer = of_fewer_classes(folder / "some", photos, state, 30)
    small = timm.create_model("deit_tiny_patch16_224", num_classes=len(fewer["head.bias"]))
    small.load_state_dict(fewer)
    yield (f"DeiT-Tiny, {len(fewer['head.bias'])} classes", some,
           [name, f"model.weights={saved(folder / 'fewer.pth', fewer)}"],
           predictions_of(small, some, recipe))

    large = timm.create_model("deit_tiny_patch16_224", img_size=288)
    positions = timm.layers.resample_abs_pos_embed(state["pos_embed"], [18, 18])
    large.load_state_dict({**state, "pos_embed": positions})
    size = ["model.preprocessing.input_size=288", "evaluation.expected_top1=86"]
    at_288 = predictions_of(large, photos, (int(288 * 248 / 224), 288, BICUBIC, IMAGENET))
    yield "DeiT-Tiny, 288 pixels", photos, [
        name, f"model.weights={saved(folder / 'large.pth', large.state_dict())}"], at_288
    yield "DeiT-Tiny, resampled to 288 pixels", photos, [
        name, f"model.weights={files['.pth']}", "model.resample_positions=true", *size], at_288


def squeezenet_forms(assets, photos, folder):
    state = load_file(assets / "weights/squeezenet1_1.safetensors")
    network = torchvision.models.squeezenet1_1()
    network.load_state_dict(state)
    expected = predictions_of(network, photos, (256, 224, BILINEAR, IMAGENET))
    swa = saved(folder / "swa.pth", torch.optim.swa_utils.AveragedModel(network).state_dict())
    yield "SqueezeNet 1.1, AveragedModel", photos, [
        "model.name=squeezenet1_1", f"model.weights={swa}"], expected
    yield "SqueezeNet 1.1, by torchvision's name", photos, [
        "model.name=torchvision/squeezenet1_1",
        f"model.weights={saved(folder / 'squeezenet.pth', state)}"], expected


def lite0_forms(weights, photos, folder):
    packaged = torch.load(weights, map_location="cpu")
    network = timm.create_model("tf_efficientnet_lite0")
    # The package has the same layers in the same order under other names.
    state = dict(zip(network.state_dict(), packaged.values()))
    network.load_state_dict(state)
    for name, recipe, words in (
            ("the package's names", (256, 224, BICUBIC, BYTES),
             ["model.name=efficientnet_lite0", f"model.weights={weights}"]),
            ("timm's names", (256, 224, BICUBIC, HALF),
             ["model.name=timm/tf_efficientnet_lite0.in1k",
              f"model.weights={written(folder / 'lite0.safetensors', state)}"])):
        yield (f"EfficientNet-Lite0, {name}", photos, words,
               predictions_of(network, photos, recipe))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assets", type=pathlib.Path)
    parser.add_argument("--run", default="run_experiment")
    parser.add_argument("--lite0", type=pathlib.Path)
    parser.add_argument("--only", nargs="*", default=[""], help="forms whose names have these words")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    assets = arguments.assets.resolve()
    photos = Photos(assets / "imagenet", assets / "imagenet/synsets.txt")
    differ = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        forms = [deit_forms(assets, photos, folder), squeezenet_forms(assets, photos, folder)]
        if arguments.lite0:
            forms.append(lite0_forms(arguments.lite0.resolve(), photos, folder))
        print("| checkpoint | Top-1 by comq | equal predictions |\n|---|---|---|")
        for form, images, words, expected in (one for some in forms for one in some):
            if not any(word in form for word in arguments.only):
                continue
            found, top1 = evaluate(arguments.run, folder, images, words)
            equal = sum(found.get(image) == label for image, label in expected.items())
            differ += equal != len(expected)
            print(f"| {form} | {top1} | {equal} of {len(expected)} |", flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
