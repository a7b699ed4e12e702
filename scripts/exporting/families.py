"""PyTorch's own networks for those that comq has written in C++, by comq's names of tensors."""

import re

import torch
from torch import nn
from torch.nn import functional as F

from .environment import fail, import_torchvision


class CifarResNet(nn.Module):
    """A ResNet for images of 32 pixels, whose shortcuts are padded with zeros."""

    class Block(nn.Module):
        def __init__(self, channels, width):
            super().__init__()
            self.added = (width - channels) // 2
            self.conv1 = nn.Conv2d(channels, width, 3, 2 if self.added else 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)

        def forward(self, maps):
            added = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(maps)))))
            if self.added:
                maps = F.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, self.added, self.added))
            return F.relu(maps + added)

    def __init__(self, depth, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for number, width in enumerate((16, 32, 64), 1):
            blocks = nn.Sequential()
            for _ in range((depth - 2) // 6):
                blocks.append(self.Block(channels, width))
                channels = width
            setattr(self, f"layer{number}", blocks)
        self.linear = nn.Linear(channels, classes)

    def forward(self, images):
        maps = F.relu(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        return self.linear(maps.mean((2, 3)))


def unchanged(name):
    return name


def cifar_resnet(name, asked):
    depth = 14 if name == "demo_cnn" else int(name.removeprefix("cifar10_resnet"))
    return CifarResNet(depth, asked["classes"]), unchanged


def vision_transformer(name, asked):
    import timm

    arguments = {"num_classes": asked["classes"], "img_size": asked["image_size"]}
    if asked.get("norm_eps"):
        arguments["norm_layer"] = lambda width, eps=None: nn.LayerNorm(width, asked["norm_eps"])
    if name == "demo_vit":
        return timm.models.VisionTransformer(patch_size=4, embed_dim=64, depth=5, num_heads=4,
                                             **arguments), unchanged
    return timm.create_model(name, **arguments), unchanged


def swin(name, asked):
    import timm

    arguments = {"window_size": asked["window"]} if asked.get("window") else {}

    def name_of_timm(tensor):
        """Patch merging is at the begin of a stage there, the classifier in a module."""
        tensor = re.sub(r"^layers\.(\d+)\.downsample\.",
                        lambda found: f"layers.{int(found[1]) + 1}.downsample.", tensor)
        return re.sub(r"^head\.", "head.fc.", tensor)

    return timm.create_model(name, num_classes=asked["classes"], img_size=asked["image_size"],
                             **arguments), name_of_timm


def efficientnet_lite(name, asked):
    """comq has the names of the package efficientnet_lite_pytorch."""
    import timm

    own = name == "efficientnet_lite0.ra_in1k"
    known = "efficientnet_lite0" if own else name if name.startswith("tf_") else "tf_" + name
    network = timm.create_model(known, num_classes=asked["classes"])
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
               "_fc": "classifier"}
    paths = [f"blocks.{stage}.{number}" for stage, blocks in enumerate(network.blocks)
             for number in range(len(blocks))]

    def name_of_timm(tensor):
        module, _, part = tensor.rpartition(".")
        if module in outside:
            return f"{outside[module]}.{part}"
        _, number, module = module.split(".")
        path = paths[int(number)]
        inside = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw",
                  "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}
        if path.startswith("blocks.0."):  # nothing is expanded there
            inside = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw",
                      "_bn2": "bn2"}
        return f"{path}.{inside[module]}.{part}"

    return network, name_of_timm


def of_torchvision(name, asked):
    from torchvision import models

    if name == "regnet_x_600mf":  # of pycls; torchvision has its neighbours only
        blocks = models.regnet.BlockParams.from_init_params(depth=16, w_0=48, w_a=36.97, w_m=2.24,
                                                            group_width=24)
        return models.RegNet(blocks, num_classes=asked["classes"]), unchanged
    return models.get_model(name, num_classes=asked["classes"]), unchanged


FAMILIES = {"vit": vision_transformer, "deit": vision_transformer, "swin": swin,
            "efficientnet_lite": efficientnet_lite, "cifar_resnet": cifar_resnet,
            "resnet": of_torchvision, "vgg": of_torchvision, "mobilenet": of_torchvision,
            "regnet": of_torchvision, "squeezenet": of_torchvision}


def made(model, state):
    """
    The network of `model` {name, family, classes, image_size, window, norm_eps} with the tensors of
    `state`, in evaluation mode, and what gives its name of a tensor for comq's.
    """
    if model["family"] not in FAMILIES:
        fail(f"{model['name']}: PyTorch has no network for the family {model['family']}; add it to "
             f"{__file__}, or run comq on the network as a program (model.program)")
    import_torchvision()
    network, name_of = FAMILIES[model["family"]](model["name"], model)
    own = network.state_dict()
    ours = {name_of(name): tensor for name, tensor in state.items()}
    for name, tensor in own.items():
        # What the architecture determines; comq has no such tensors.
        if name.endswith(("num_batches_tracked", "relative_position_index", "attn_mask")):
            ours.setdefault(name, tensor)
    network.load_state_dict({name: tensor for name, tensor in ours.items()
                             if name in own or not name.endswith("num_batches_tracked")})
    return network.float().eval(), name_of
