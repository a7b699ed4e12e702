#!/usr/bin/env python3
"""Loads an exported DeiT-Tiny strictly into PyTorch and compares its predictions with comq's.

    check_export.py FILE.safetensors PREDICTIONS     lines "image path, prediction, label", tabs
    check_export.py --available                      whether the libraries are there

The network is written out here with the names of timm's VisionTransformer, since timm needs a
torchvision of the same build of PyTorch.
"""
import json
import sys

import torch
from PIL import Image
from torch import nn

WIDTH, HEADS, DEPTH = 192, 3, 12
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, WIDTH))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = Mlp()

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class DeiTTiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 197, WIDTH))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, WIDTH, 16, stride=16)
        self.blocks = nn.Sequential(*[Block() for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, 1000)

    def forward(self, images):
        patches = self.patch_embed.proj(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        return self.head(self.norm(self.blocks(x + self.pos_embed))[:, 0])


def load_file(path):
    """The tensors of a safetensors file: a JSON header behind its length, then their bytes."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        content = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", entry
        first, last = entry["data_offsets"]
        tensors[name] = torch.frombuffer(content[first:last], dtype=torch.float32).view(entry["shape"])
    return tensors


def preprocess(path):
    """Shorter side to 248, bicubic, then the middle 224 × 224, as DeiT was evaluated."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    scale = 248 / min(width, height)
    size = (248, int(height * scale)) if width < height else (int(width * scale), 248)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    image = image.crop((left, top, left + 224, top + 224))
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(224, 224, 3)
    return (pixels.permute(2, 0, 1) / 255 - MEAN) / STD


def main():
    if sys.argv[1:] == ["--available"]:
        return
    file, predictions = sys.argv[1:]
    network = DeiTTiny()
    network.load_state_dict(load_file(file), strict=True)
    network.eval()
    lines = [line.rstrip("\n").split("\t") for line in open(predictions, encoding="utf-8")]
    with torch.inference_mode():
        logits = network(torch.stack([preprocess(path) for path, _, _ in lines]))
    ours = [int(prediction) for _, prediction, _ in lines]
    labels = [int(label) for _, _, label in lines]
    found = logits.argmax(dim=1).tolist()
    right = sum(a == b for a, b in zip(found, labels))
    right_ours = sum(a == b for a, b in zip(ours, labels))
    print(f"{len(lines)} images, Top-1 {right} in Python, {right_ours} in comq")
    different = [path for (path, _, _), a, b in zip(lines, found, ours) if a != b]
    if different:
        sys.exit(f"other predictions for {different}")


if __name__ == "__main__":
    main()
