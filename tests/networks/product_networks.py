"""Networks whose layers are products of any operator, or convolutions with axes of their own."""
import torch
from torch import nn
from torch.nn import functional as F


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


KINDS = (Products, Axes)
