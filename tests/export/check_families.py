#!/usr/bin/env python3
"""Networks of PyTorch that stand for comq's families take comq's names of tensors."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "networks")]

import torch  # noqa: E402
from exporting import families  # noqa: E402

families.import_torchvision()
import comparison  # noqa: E402
import family_networks  # noqa: E402
import timm  # noqa: E402


def made(family, name, state, size):
    return families.made({"family": family, "name": name, "classes": 1000, "image_size": size},
                         state)[0]


def main():
    torch.manual_seed(0)
    # Written out with comq's names for the tests of programs.
    lite = family_networks.EfficientNetLite0()
    comparison.fill(lite, 64)
    lite.eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        logits = lite(images)
        off = (made("efficientnet_lite", "efficientnet_lite0", lite.state_dict(), 64)(images)
               - logits).abs().max() / logits.abs().max()
    assert off < 1e-4, off

    # comq calls patch mergings and classifier as timm 0.6 did.
    swin = timm.create_model("swin_tiny_patch4_window7_224").state_dict()
    ours = {re.sub(r"^head\.fc\.", "head.", re.sub(
        r"^layers\.(\d)\.downsample", lambda found: f"layers.{int(found[1]) - 1}.downsample",
        name)): tensor for name, tensor in swin.items()}
    assert set(ours) != set(swin)
    found = made("swin", "swin_tiny_patch4_window7_224", ours, 224).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in swin.items())

    # torchvision has no RegNetX-600MF of its own; timm has the same network.
    names = {"family": "regnet", "name": "regnet_x_600mf", "classes": 1000}
    ours = families.of_torchvision(names["name"], names)[0].state_dict()
    theirs = timm.create_model("regnetx_006").state_dict()
    shapes = [sorted(tuple(tensor.shape) for tensor in state.values()) for state in (ours, theirs)]
    assert shapes[0] == shapes[1]


if __name__ == "__main__":
    main()
