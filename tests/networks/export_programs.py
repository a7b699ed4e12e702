#!/usr/bin/env python3
"""Exports small networks for the tests of programs: NAME.pt2 with NAME.images and NAME.logits, raw
float32 of a batch of 3, in the folder that is named."""
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

SIZE = 32


class Residual(nn.Module):
    """Convolutions with BatchNorm, in-place ReLU and addition, grouped ones, squeeze-excitation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.squeeze = nn.Linear(8, 4)
        self.excite = nn.Linear(4, 8)
        self.wide = nn.Conv2d(8, 12, (1, 3), padding=(0, 1))
        self.fc = nn.Linear(12, 10)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        x = F.max_pool2d(self.act(self.bn(self.stem(x))), 3, 2, 1)
        y = self.act(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y = y * F.hardsigmoid(self.excite(F.silu(self.squeeze(y.mean((2, 3))))))[:, :, None, None]
        y += x
        y = F.relu6(self.wide(self.act(y)))
        return self.fc(F.dropout(F.adaptive_avg_pool2d(y, 1).flatten(1), 0.5, self.training))


class BasicBlock(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.added = (width - channels) // 2
        self.conv1 = nn.Conv2d(channels, width, 3, 2 if self.added else 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
        return F.relu(x + y)


class DemoCnn(nn.Module):
    """demo_cnn of src/networks/families/resnet.cpp, for its weights."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = ((16, 16), (16, 16)), ((16, 32), (32, 32)), ((32, 64), (64, 64))
        for number, blocks in enumerate(widths, 1):
            setattr(self, f"layer{number}", nn.Sequential(*(BasicBlock(*b) for b in blocks)))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer1(F.relu(self.bn1(self.conv1(x))))
        return self.linear(self.layer3(self.layer2(x)).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, 2 * dim)
        self.fc2 = nn.Linear(2 * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.5))

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, -1).permute(
            2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c)
        x = x + self.scale * self.proj(y)
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.position = nn.Parameter(torch.randn(1, 17, 16))
        self.blocks = nn.Sequential(Attention(16, 2), Attention(16, 2))
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class DemoAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(64, 192)
        self.proj = nn.Linear(64, 64)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 4, 16).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(b, n, c))


class DemoMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 256)
        self.fc2 = nn.Linear(256, 64)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class DemoBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(64, eps=1e-6)
        self.attn = DemoAttention()
        self.norm2 = nn.LayerNorm(64, eps=1e-6)
        self.mlp = DemoMlp()

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class DemoVit(nn.Module):
    """demo_vit of src/networks/families/vision_transformer.cpp, for its weights."""

    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 64))
        self.pos_embed = nn.Parameter(torch.zeros(1, 65, 64))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, 64, 4, 4)
        self.blocks = nn.Sequential(*(DemoBlock() for _ in range(5)))
        self.norm = nn.LayerNorm(64, eps=1e-6)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class Windows(nn.Module):
    """Shifted windows with a bias looked up in a table, which merge the batch with positions."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.qkv = nn.Linear(12, 36)
        self.table = nn.Parameter(torch.randn(9, 2))
        self.register_buffer("index", torch.randint(9, (16, 16)))
        self.register_buffer("mask", torch.randn(4, 16, 16), persistent=False)
        self.norm = nn.LayerNorm(12)
        self.mlp = nn.Linear(12, 12)
        self.head = nn.Linear(12, 10)

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        y = torch.roll(x, (-2, -2), (1, 2)).view(b, h // 4, 4, w // 4, 4, c)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(b * (h // 4) * (w // 4), 16, c)
        q, k, v = self.qkv(y).view(-1, 16, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q * 6 ** -0.5) @ k.transpose(-2, -1)
        a = a + self.table[self.index.view(-1)].view(16, 16, -1).permute(2, 0, 1)
        a = (a.view(b, 4, 2, 16, 16) + self.mask[:, None]).view(-1, 2, 16, 16).softmax(-1)
        y = (a @ v).transpose(1, 2).reshape(b, h // 4, w // 4, 4, 4, c)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        x = x + torch.roll(y, (2, 2), (1, 2))
        return self.head(F.elu(self.mlp(self.norm(x))).mean((1, 2)))


class Shared(nn.Module):
    """One weight twice, one read otherwise too, one computed, and in-place writes to a view."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding="same")
        self.twice = nn.Conv2d(6, 6, 1)
        self.tied = nn.Linear(6, 6)
        self.direction = nn.Parameter(torch.randn(6, 6))
        self.gate = nn.Linear(6, 6)
        self.head = nn.Linear(6, 10)

    def forward(self, x):
        x = F.leaky_relu(self.twice(F.leaky_relu(self.twice(self.conv(x)))))
        x = x.mean((2, 3))
        x = self.gate(x)
        x = self.tied(x) * self.tied.weight.sum()
        x = F.linear(x, self.direction / self.direction.norm()) + torch.arange(6, dtype=x.dtype)
        y = x.clone()
        y[:, 0] = 1.0
        y[:, 1].mul_(0.5)
        return self.head(y + x)


class Conv1D(nn.Module):
    """A Linear layer as GPT-2 has it: its weight is [in, out]."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * 0.2)
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        y = torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight)
        return y.view(*x.shape[:-1], -1)


class Products(nn.Module):
    """Layers that are products of other operators, with weights of other layouts."""

    def __init__(self):
        super().__init__()
        def weight(*shape):
            return nn.Parameter(torch.randn(shape) * 0.3)
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.expand = Conv1D(12, 24)
        self.shrink = weight(24, 12)
        self.tokens = weight(64, 64)
        self.heads_last = weight(2, 6, 12)
        self.merge = weight(2, 6, 12)
        self.heads_first = weight(2, 12, 6)
        self.groups = weight(3, 4, 5)
        self.batched = weight(3, 5, 4)
        self.turned = weight(12, 9)
        self.part = weight(9, 24)
        self.pooled = weight(12, 12)
        self.query = weight(12)
        self.norm1 = nn.RMSNorm(12)
        self.norm2 = nn.LayerNorm(12, bias=False)
        self.norm3 = nn.LayerNorm(12, elementwise_affine=False)
        self.head = nn.Linear(12, 10)

    def forward(self, x):
        x = self.norm1(self.patch(x).flatten(2).transpose(1, 2))
        x = x + F.gelu(self.expand(x)) @ self.shrink
        x = x + self.tokens @ self.norm2(x)
        y = torch.einsum("bnc, hdc -> bnhd", x, self.heads_last)
        x = x + torch.einsum("...hd,hdo", torch.tanh(y), self.merge)
        y = torch.einsum("bnc,hcd->bhnd", self.norm3(x), self.heads_first).relu()
        x = x + y.transpose(1, 2).flatten(2)
        y = torch.einsum("gio,bngi->bngo", self.groups, x.unflatten(2, (3, 4))).tanh()
        y = (y.transpose(1, 2) @ self.batched).transpose(1, 2).flatten(2)
        x = F.linear(F.linear(x + y, self.turned.t()).relu(), self.part[:, :12].t())
        x = x + (x @ self.query).sigmoid().unsqueeze(-1)
        return self.head(torch.mm(x.mean(1), self.pooled.permute(1, 0)))


class Axes(nn.Module):
    """Convolutions that treat height and width apart, and 1-D ones; norms of groups."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 4), dilation=(1, 2))
        self.norm = nn.GroupNorm(4, 8)
        self.wide = nn.Conv2d(8, 16, (1, 7), padding=(0, 3), bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.tall = nn.Conv2d(16, 16, (7, 1), padding=(3, 0), bias=False)
        self.bn2 = nn.BatchNorm2d(16, affine=False)
        self.even = nn.Conv2d(16, 8, (4, 2), padding="same")
        self.pool = nn.Conv2d(8, 8, (16, 1), groups=8)
        self.line = nn.Conv1d(8, 12, 5, stride=2, padding=2, groups=4, bias=False)
        self.bn3 = nn.BatchNorm1d(12)
        self.same = nn.Conv1d(12, 12, 4, padding="same")
        self.channel = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.fc = nn.Linear(12, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(self.bn1(self.wide(x)))
        x = self.even(F.relu(self.bn2(self.tall(x))))
        x = self.bn3(self.line(self.pool(x).squeeze(2)))
        x = F.relu(self.same(x)).mean(2)
        return self.fc(x * self.channel(x.unsqueeze(1)).squeeze(1).sigmoid())


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)
    for number, kind in enumerate((Residual, Transformer, Windows, Shared, DemoCnn, DemoVit,
                                   Products, Axes)):
        torch.manual_seed(number)
        network = kind().eval()
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        with torch.no_grad():
            program = torch.export.export(
                network, (torch.randn(2, 3, SIZE, SIZE),),
                dynamic_shapes=({0: torch.export.Dim("batch")},))
        name = kind.__name__.lower()
        torch.export.save(program, folder / f"{name}.pt2", extra_files={
            "comq.json": '{"preprocessing": {"resize": 32, "crop": 32, "interpolation": '
                         '"bilinear", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}, '
                         '"checkpoint": "small", "license": "MIT"}'})
        if kind is DemoVit:  # the same network as another file
            torch.export.save(program, folder / "samevit.pt2")
        images = torch.randn(3, 3, SIZE, SIZE)
        with torch.inference_mode():
            logits = network(images)
        for ending, tensor in (("images", images), ("logits", logits)):
            raw = bytes(tensor.contiguous().untyped_storage())
            (folder / f"{name}.{ending}").write_bytes(raw)


main()
