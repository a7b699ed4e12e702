"""Networks with what is hard to read in a graph: what is shared, written in place or computed."""
import torch
from torch import nn
from torch.nn import functional as F


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


class Attentions(nn.Module):
    """Views of attention's results, whose place in memory depends on which kernel takes it."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 8, stride=8)
        self.qkv = nn.Linear(12, 36)
        self.wide = nn.Linear(12, 16)
        self.register_buffer("mask", torch.randn(1, 16, 16))
        self.head = nn.Linear(3 * 12 * 16 + 16 * 16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        b, n, c = x.shape
        qkv = self.qkv(x)
        q, k, v = qkv.reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        wide = self.wide(x).reshape(b, n, 2, 8).transpose(1, 2)
        usual = F.scaled_dot_product_attention(q, k, v)
        merged = F.scaled_dot_product_attention(*qkv.chunk(3, -1))
        wider = F.scaled_dot_product_attention(q, k, wide)
        masked = F.scaled_dot_product_attention(q, k, v, self.mask)
        y = torch.cat((usual.transpose(1, 2).view(b, -1), merged.view(b, -1), wider.view(b, -1),
                       masked.view(b, -1)), 1)
        # Where a graph has unfold, comq leaves views what they are.
        return self.head(y.unfold(1, 2, 2).flatten(1))


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


KINDS = (Residual, Transformer, Windows, Shared)
