"""Networks of timm, torchvision and one's own modules, with what is known about their images."""

import importlib
import math
import sys

from .environment import fail, import_torchvision, note

INTERPOLATIONS = ("bilinear", "bicubic")


def preprocessing(resize, crop, interpolation, mean, std):
    """For comq.json; what comq can't do stays out of it, so that a config has to say."""
    known = {"resize": resize, "crop": crop, "mean": list(mean), "std": list(std)}
    if interpolation in INTERPOLATIONS:
        known["interpolation"] = interpolation
    else:
        note(f"the publisher resizes by '{interpolation}'; comq has {' and '.join(INTERPOLATIONS)}")
    return known


def without_none(**arguments):
    return {key: value for key, value in arguments.items() if value is not None}


def timm_network(name, pretrained, size, classes):
    import_torchvision()
    import timm

    arguments = without_none(num_classes=classes, img_size=size)
    try:
        try:
            return timm.create_model(name, pretrained=pretrained, **arguments)
        except TypeError as error:
            # Networks without positions take images of any size.
            if "img_size" not in str(error):
                raise
            arguments.pop("img_size")
            return timm.create_model(name, pretrained=pretrained, **arguments)
    except Exception as error:  # pylint: disable=broad-except
        # timm's registry, the hub's client and the constructors each have their own errors.
        fail(f"timm:{name}: {str(error).splitlines()[0] if str(error) else repr(error)}")


def of_timm(name, pretrained, size=None, classes=None):
    network = timm_network(name, pretrained, size, classes)
    import timm

    given = network.pretrained_cfg
    data = timm.data.resolve_model_data_config(network)
    size = size or data["input_size"][-1]
    if data["input_size"][-2] != data["input_size"][-1]:
        fail(f"timm:{name}: its images are not square: {data['input_size']}")
    test_size = (given.get("test_input_size") or [None])[-1]
    crop_share = data["crop_pct"]
    if size == test_size and given.get("test_crop_pct"):
        crop_share = given["test_crop_pct"]
    elif test_size and test_size != size:
        note(f"the publisher evaluates {name} on images of {test_size} pixels: --size {test_size}")
    if data.get("crop_mode", "center") != "center":
        note(f"timm prepares images of {name} by crop_mode={data['crop_mode']}; comq resizes the "
             "shorter side and cuts out the middle")
    hub = given.get("hf_hub_id")
    return network, {
        "preprocessing": preprocessing(math.floor(size / crop_share), size, data["interpolation"],
                                       data["mean"], data["std"]),
        "checkpoint": ".".join(filter(None, [given.get("architecture"), given.get("tag")])),
        "source": f"https://huggingface.co/{hub}" if hub else given.get("url") or "",
        "license": given.get("license") or ""}


def of_torchvision(name, pretrained, size=None, classes=None):
    import_torchvision()
    from torchvision import models

    try:
        weights = models.get_model_weights(name).DEFAULT
        prepare = weights.transforms()
        arguments = without_none(num_classes=classes)
        if size and size != prepare.crop_size[0] and name.startswith("vit_"):
            arguments["image_size"] = size
        network = models.get_model(name, weights=weights if pretrained else None, **arguments)
    except ValueError as error:
        fail(f"torchvision:{name}: {error}")
    except AttributeError:
        fail(f"torchvision:{name} is no classifier of images")
    size = size or prepare.crop_size[0]
    resize = round(prepare.resize_size[0] * size / prepare.crop_size[0])
    return network, {
        "preprocessing": preprocessing(resize, size, prepare.interpolation.value, prepare.mean,
                                       prepare.std),
        "checkpoint": f"{name}.{weights.name}", "source": weights.url, "license": "BSD-3-Clause"}


def of_module(module, function):
    import torch

    sys.path.insert(0, "")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        fail(f"{module}:{function}: {error} (with {sys.executable})")
    network = make()
    if not isinstance(network, torch.nn.Module):
        fail(f"{module}:{function}() returns {type(network).__name__}, no torch.nn.Module")
    return network, {"preprocessing": {}, "checkpoint": "", "source": f"{module}:{function}",
                     "license": ""}


def load_weights(network, file):
    """Tensors with the module's own names, also below state_dict or model, or behind module."""
    import torch

    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        tensors = load_file(file)
    else:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
        for entry in ("state_dict", "model"):
            if isinstance(tensors.get(entry), dict):
                tensors = tensors[entry]
    wrapped = "module."
    if all(name.startswith(wrapped) for name in tensors):
        tensors = {name.removeprefix(wrapped): tensor for name, tensor in tensors.items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        fail(f"{file}: {' '.join(str(error).split())[:300]}")
