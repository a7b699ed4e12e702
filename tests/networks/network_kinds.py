"""The kinds of networks that timm and torchvision have, each as small as it can be: images
[batch, 3, 32, 32] to logits [batch, 10]."""
import torch
from torch import nn
from torch.nn import functional as F


def conv_norm(channels, width, kernel=1, stride=1, groups=1):
    padding = kernel // 2 if isinstance(kernel, int) else tuple(side // 2 for side in kernel)
    return nn.Sequential(nn.Conv2d(channels, width, kernel, stride, padding, groups=groups,
                                   bias=False), nn.BatchNorm2d(width))


class Classifier(nn.Module):
    """Features [batch, width, height, width], their mean, a Linear."""

    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class MobileBlocks(Classifier):
    """MobileNetV3: inverted bottlenecks, depthwise 5 × 5, squeeze-excitation by convolutions."""

    def __init__(self):
        super().__init__(16)
        self.stem = conv_norm(3, 8, 3, 2)
        self.expand = conv_norm(8, 24)
        self.depthwise = conv_norm(24, 24, 5, 2, groups=24)
        self.squeeze = nn.Conv2d(24, 8, 1)
        self.excite = nn.Conv2d(8, 24, 1)
        self.project = conv_norm(24, 16)
        self.dilated = nn.Conv2d(16, 16, 3, padding=2, dilation=2, groups=16)

    def features(self, x):
        x = F.hardswish(self.depthwise(F.hardswish(self.expand(F.hardswish(self.stem(x))))))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1))))
        x = self.project(x * F.hardsigmoid(gate))
        return x + self.dilated(x)


class GroupedResidual(Classifier):
    """ResNeXt with the average-pooled shortcut of ResNet-D, and shuffled channels."""

    def __init__(self):
        super().__init__(32)
        self.stem = conv_norm(3, 16, 3, 2)
        self.conv1 = conv_norm(16, 16)
        self.conv2 = conv_norm(16, 16, 3, 2, groups=4)
        self.conv3 = conv_norm(16, 32)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, ceil_mode=True), conv_norm(16, 32))

    def features(self, x):
        x = F.relu(self.stem(x), inplace=True)
        y = F.relu(self.conv2(F.channel_shuffle(F.relu(self.conv1(x)), 4)))
        y = self.conv3(y)
        y += self.shortcut(x)
        return F.relu(y)


class Branches(Classifier):
    """RepVGG while it is trained: a 3 × 3 and a 1 × 1 convolution and a norm side by side."""

    def __init__(self):
        super().__init__(12)
        self.stem = conv_norm(3, 12, 3, 2)
        self.wide = conv_norm(12, 12, 3)
        self.narrow = conv_norm(12, 12)
        self.identity = nn.BatchNorm2d(12)

    def features(self, x):
        x = F.relu(self.stem(x))
        return F.relu(self.wide(x) + self.narrow(x) + self.identity(x))


class Inception(Classifier):
    """Rectangular kernels, uneven strides and paddings, branches that are concatenated."""

    def __init__(self):
        super().__init__(24)
        self.stem = nn.Conv2d(3, 8, (5, 3), stride=(2, 1), padding=(1, 0))
        self.row = conv_norm(8, 8, (1, 7))
        self.column = conv_norm(8, 8, (7, 1))
        self.even = nn.Conv2d(8, 8, 2, padding="same")
        self.pooled = conv_norm(8, 8)

    def features(self, x):
        x = F.relu(self.stem(x))
        return torch.cat((F.relu(self.column(F.relu(self.row(x)))), F.relu(self.even(x)),
                          self.pooled(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))), 1)


class Dense(Classifier):
    """DenseNet: norms before convolutions, each reading all that was made before."""

    def __init__(self):
        super().__init__(28)
        self.stem = nn.Conv2d(3, 12, 3, 2, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(12), nn.BatchNorm2d(20), nn.BatchNorm2d(28)])
        self.convs = nn.ModuleList([nn.Conv2d(12, 8, 3, padding=1), nn.Conv2d(20, 8, 1)])

    def features(self, x):
        found = [self.stem(x)]
        for norm, conv in zip(self.norms, self.convs):
            found.append(conv(F.relu(norm(torch.cat(found, 1)))))
        return F.relu(self.norms[2](torch.cat(found, 1)))


class ConvNext(Classifier):
    """ConvNeXt-V2: depthwise 7 × 7, LayerNorm over channels, response norm, layer scale."""

    def __init__(self):
        super().__init__(12)
        self.stem = nn.Conv2d(3, 12, 4, 4)
        self.depthwise = nn.Conv2d(12, 12, 7, padding=3, groups=12)
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.fc1 = nn.Linear(12, 24)
        self.response = nn.Parameter(torch.zeros(24))
        self.fc2 = nn.Linear(24, 12)
        self.scale = nn.Parameter(torch.full((12,), 1e-6))

    def features(self, x):
        x = self.stem(x)
        y = F.gelu(self.fc1(self.norm(self.depthwise(x).permute(0, 2, 3, 1))))
        size = y.norm(p=2, dim=(1, 2), keepdim=True)
        y = y + self.response * y * size / (size.mean(-1, keepdim=True) + 1e-6)
        return x + (self.scale * self.fc2(y)).permute(0, 3, 1, 2)


class RegisterBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.RMSNorm(dim)
        self.q = nn.Linear(dim, dim, bias=False)
        self.kv = nn.Linear(dim, 2 * dim)
        self.q_norm = nn.LayerNorm(dim // heads)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.gate = nn.Linear(dim, 2 * dim)
        self.value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(2 * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), 1e-5))

    def forward(self, x, cosine, sine):
        b, n, c = x.shape
        y = self.norm1(x)
        q = self.q_norm(self.q(y).reshape(b, n, self.heads, -1)).transpose(1, 2)
        k, v = self.kv(y).reshape(b, n, 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        q = q * cosine + torch.stack((-q[..., 1::2], q[..., ::2]), -1).flatten(-2) * sine
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.scale * self.proj(y.transpose(1, 2).reshape(b, n, c))
        y = self.norm2(x)
        return x + self.scale * self.out(F.silu(self.gate(y)) * self.value(y))


class Registers(nn.Module):
    """DINOv2 and EVA-02: class token and registers, rotations, SwiGLU, layer scale, RMSNorm."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.tokens = nn.Parameter(torch.randn(1, 5, 16))
        self.position = nn.Parameter(torch.randn(1, 16, 16))
        angles = torch.randn(21, 8)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        self.blocks = nn.ModuleList([RegisterBlock(16, 2), RegisterBlock(16, 2)])
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        x = torch.cat((self.tokens.expand(x.shape[0], -1, -1), x), 1)
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        x = self.norm(x)
        return self.head(torch.cat((x[:, 0], x[:, 5:].mean(1)), -1))


class Distilled(nn.Module):
    """Distilled DeiT of PyTorch's own encoder layers: two tokens, two heads, their mean."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.tokens = nn.Parameter(torch.randn(1, 2, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, activation="gelu",
                                           batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 10)
        self.head_dist = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = self.encoder(torch.cat((self.tokens.expand(x.shape[0], -1, -1), x), 1))
        return (self.head(x[:, 0]) + self.head_dist(x[:, 1])) / 2


class Hybrid(Classifier):
    """MobileViT: convolutions, attention over pixels of equal place in patches, convolutions."""

    def __init__(self):
        super().__init__(16)
        self.stem = conv_norm(3, 16, 3, 2)
        self.local = conv_norm(16, 16, 3)
        self.norm = nn.GroupNorm(1, 16)
        self.qkv = nn.Conv2d(16, 1 + 2 * 16, 1)
        self.proj = nn.Conv2d(16, 16, 1)
        self.fuse = conv_norm(32, 16, 3)

    def features(self, x):
        x = F.silu(self.stem(x))
        y = self.norm(self.local(x))
        b, c, h, w = y.shape
        y = y.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, c, 4, -1)
        q, k, v = self.qkv(y).split((1, 16, 16), 1)
        y = self.proj(F.relu(v) * (k * q.softmax(-1)).sum(-1, keepdim=True))
        y = y.reshape(b, c, 2, 2, h // 2, w // 2).permute(0, 1, 4, 2, 5, 3).reshape(b, c, h, w)
        return F.silu(self.fuse(torch.cat((x, y), 1)))


class Mixer(nn.Module):
    """Mixer and gMLP: Linear layers over tokens, gates, an affine, no norm over a batch."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 8, stride=8)
        self.norm1 = nn.LayerNorm(12)
        self.tokens = nn.Linear(16, 16)
        self.alpha = nn.Parameter(torch.ones(1, 1, 12))
        self.beta = nn.Parameter(torch.zeros(1, 1, 12))
        self.fc1 = nn.Linear(12, 48)
        self.spatial = nn.Linear(16, 16)
        self.fc2 = nn.Linear(24, 12)
        self.head = nn.Linear(12, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        value, gate = F.gelu(self.fc1(torch.addcmul(self.beta, self.alpha, x))).chunk(2, -1)
        gate = self.spatial(gate.transpose(1, 2)).transpose(1, 2)
        return self.head((x + self.fc2(value * gate)).mean(1))


class TokenConvolutions(nn.Module):
    """Conv1d over tokens, transformers' Conv1D (addmm), and products with parameters."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 8, stride=8)
        self.conv = nn.Conv1d(12, 12, 3, padding=1, groups=3)
        self.pointwise = nn.Conv1d(12, 12, 1)
        self.weight = nn.Parameter(torch.randn(12, 20) / 4)
        self.bias = nn.Parameter(torch.zeros(20))
        self.mix = nn.Parameter(torch.randn(20, 16) / 4)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2)
        x = x + self.pointwise(F.gelu(self.conv(x)))
        x = x.transpose(1, 2)
        y = torch.addmm(self.bias, x.reshape(-1, 12), self.weight)
        y = F.gelu(y.view(x.shape[0], -1, 20)) @ self.mix
        return self.head(y.mean(1))


class Standardized(Classifier):
    """NFNet: convolutions whose weights are standardized whenever they run."""

    class Convolution(nn.Conv2d):
        def forward(self, x):
            flat = self.weight.reshape(1, self.out_channels, -1)
            weight = F.batch_norm(flat, None, None, training=True).reshape_as(self.weight)
            return F.conv2d(x, weight, self.bias, self.stride, self.padding)

    def __init__(self):
        super().__init__(12)
        self.stem = nn.Conv2d(3, 12, 3, 2, 1)
        self.conv = self.Convolution(12, 12, 3, padding=1)

    def features(self, x):
        x = F.silu(self.stem(x)) * 1.7
        return x + 0.2 * self.conv(x)


class Recurrent(Classifier):
    """Sequencer: rows of the map through an LSTM in both directions; columns through a GRU."""

    def __init__(self):
        super().__init__(12)
        self.stem = nn.Conv2d(3, 12, 4, stride=4)
        self.rows = nn.LSTM(12, 6, bidirectional=True, batch_first=True)
        self.columns = nn.GRU(12, 12, batch_first=True)
        self.mix = nn.Linear(24, 12)

    def features(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        batch, height, width, channels = x.shape
        rows, _ = self.rows(x.reshape(-1, width, channels))
        columns, _ = self.columns(x.transpose(1, 2).reshape(-1, height, channels))
        columns = columns.view(batch, width, height, channels).transpose(1, 2)
        x = x + self.mix(torch.cat([rows.view(batch, height, width, -1), columns], -1))
        return x.permute(0, 3, 1, 2)


KINDS = (MobileBlocks, GroupedResidual, Branches, Inception, Dense, ConvNext, Registers, Distilled,
         Hybrid, Mixer, TokenConvolutions, Standardized)
