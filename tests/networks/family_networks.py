"""Networks of comq's own families (src/networks/families), with their names of parameters."""
import torch
from torch import nn
from torch.nn import functional as F


class VisionTransformer(nn.Module):
    """ViT, DeiT and demo_vit: a class token, learned positions, exact GELU."""

    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width)
            self.proj = nn.Linear(width, width)

        def forward(self, x):
            b, n, c = x.shape
            q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
            y = F.scaled_dot_product_attention(q, k, v)
            return self.proj(y.transpose(1, 2).reshape(b, n, c))

    class Mlp(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.fc1 = nn.Linear(width, 4 * width)
            self.fc2 = nn.Linear(4 * width, width)

        def forward(self, x):
            return self.fc2(F.gelu(self.fc1(x)))

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.norm1 = nn.LayerNorm(width, eps=1e-6)
            self.attn = VisionTransformer.Attention(width, heads)
            self.norm2 = nn.LayerNorm(width, eps=1e-6)
            self.mlp = VisionTransformer.Mlp(width)

        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    def __init__(self, size, patch, width, heads, depth, classes):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (size // patch) ** 2, width))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, patch, patch)
        self.blocks = nn.Sequential(*(self.Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class CifarResNet(nn.Module):
    """ResNets for CIFAR-10 and demo_cnn: shortcuts are padded with zeros."""

    class Block(nn.Module):
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

    def __init__(self, depth):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for number, width in enumerate((16, 32, 64), 1):
            blocks = [self.Block(channels if i == 0 else width, width)
                      for i in range((depth - 2) // 6)]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
            channels = width
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer1(F.relu(self.bn1(self.conv1(x))))
        return self.linear(self.layer3(self.layer2(x)).mean((2, 3)))


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1; children are numbered as in torchvision, where ReLU and pooling count."""

    class Fire(nn.Module):
        def __init__(self, channels, squeezed):
            super().__init__()
            self.squeeze = nn.Conv2d(channels, squeezed, 1)
            self.expand1x1 = nn.Conv2d(squeezed, 4 * squeezed, 1)
            self.expand3x3 = nn.Conv2d(squeezed, 4 * squeezed, 3, padding=1)

        def forward(self, x):
            x = F.relu(self.squeeze(x))
            return F.relu(torch.cat((self.expand1x1(x), self.expand3x3(x)), 1))

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 64, 3, 2), nn.ReLU())
        channels = 64
        for number, squeezed in enumerate((16, 16, 32, 32, 48, 48, 64, 64)):
            if number in (0, 2, 4):
                self.features.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            self.features.append(self.Fire(channels, squeezed))
            channels = 8 * squeezed
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU())

    def forward(self, x):
        return self.classifier(self.features(x)).mean((2, 3))


class EfficientNetLite0(nn.Module):
    """TensorFlow's paddings: what is uneven goes to the right and below."""

    class Convolution(nn.Conv2d):
        def __init__(self, channels, width, kernel=1, stride=1, groups=1):
            super().__init__(channels, width, kernel, stride, groups=groups, bias=False)

        def forward(self, x):
            both = [max((-(-side // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0]
                        - side, 0) for side in x.shape[:1:-1]]
            sides = [side for total in both for side in (total // 2, total - total // 2)]
            return super().forward(F.pad(x, sides) if any(sides) else x)

    class Block(nn.Module):
        def __init__(self, channels, width, kernel, stride, expansion):
            super().__init__()
            hidden = channels * expansion
            if expansion > 1:
                self._expand_conv = EfficientNetLite0.Convolution(channels, hidden)
                self._bn0 = nn.BatchNorm2d(hidden, eps=1e-3)
            self._depthwise_conv = EfficientNetLite0.Convolution(hidden, hidden, kernel, stride,
                                                                 hidden)
            self._bn1 = nn.BatchNorm2d(hidden, eps=1e-3)
            self._project_conv = EfficientNetLite0.Convolution(hidden, width)
            self._bn2 = nn.BatchNorm2d(width, eps=1e-3)
            self.expands = expansion > 1
            self.residual = stride == 1 and channels == width

        def forward(self, x):
            y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
            y = F.relu6(self._bn1(self._depthwise_conv(y)))
            y = self._bn2(self._project_conv(y))
            return x + y if self.residual else y

    def __init__(self):
        super().__init__()
        self._conv_stem = self.Convolution(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks = []
        channels = 32
        for repeats, kernel, stride, expansion, width in (
                (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
                (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)):
            for i in range(repeats):
                blocks.append(self.Block(channels, width, kernel, stride if i == 0 else 1,
                                         expansion))
                channels = width
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = self.Convolution(channels, 1280)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x):
        x = self._blocks(F.relu6(self._bn0(self._conv_stem(x))))
        return self._fc(F.relu6(self._bn1(self._conv_head(x))).mean((2, 3)))


def deit_tiny():
    return VisionTransformer(224, 16, 192, 3, 12, 1000)


def demo_vit():
    return VisionTransformer(32, 4, 64, 4, 5, 10)


def demo_cnn():
    return CifarResNet(14)


def cifar10_resnet20():
    return CifarResNet(20)
