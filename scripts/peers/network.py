"""The float network of timm, its photos, and the Grams and errors of its layers."""

import math
import pathlib

import numpy
import torch
from PIL import Image

from peers.run_files import PeerError
from python_environment import import_torchvision

import_torchvision()

import timm  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def load_network(name, weights):
    """timm's network with the tensors of a safetensors file of timm's names: (network, tensors)."""
    if not timm.is_model(name):
        raise PeerError(f"model.name: timm has no network {name}; peers run on networks of timm")
    if pathlib.Path(weights or "").suffix != ".safetensors":
        raise PeerError(f"model.weights: {weights} is no safetensors file of timm's names")
    network = timm.create_model(name)
    tensors = load_file(weights)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise PeerError(f"model.weights: {weights} does not fit timm's {name}: {first}") from error
    return network.eval(), tensors


class Photos(torch.utils.data.Dataset):
    """Photos as timm and torchvision evaluate them: resize, centre crop, normalise; [3, h, w]."""

    def __init__(self, folder, ids, network):
        self.folder = pathlib.Path(folder)
        self.ids = ids
        how = timm.data.resolve_data_config(model=network)
        self.crop = how["input_size"][-1]
        self.resize = math.floor(self.crop / how["crop_pct"])
        self.filter = Image.Resampling[how["interpolation"].upper()]
        self.mean = torch.tensor(how["mean"]).view(3, 1, 1)
        self.std = torch.tensor(how["std"]).view(3, 1, 1)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        image = Image.open(self.folder / self.ids[index]).convert("RGB")
        shorter = min(image.size)
        size = [int(self.resize * side / shorter) for side in image.size]
        left, top = (round((side - self.crop) / 2) for side in size)
        image = image.resize(size, self.filter)
        image = image.crop((left, top, left + self.crop, top + self.crop))
        pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1).float() / 255
        return (pixels - self.mean) / self.std

    def batches(self, size):
        """Every photo, [size, 3, h, w] at a time; the last batch may be smaller."""
        return list(torch.utils.data.DataLoader(self, size))


def linear_layers(network, names):
    """The Linear modules by name."""
    modules = dict(network.named_modules())
    for name in names:
        if not isinstance(modules.get(name), torch.nn.Linear):
            raise PeerError(f"layer {name}: is no Linear layer of timm's network")
    return {name: modules[name] for name in names}


def grams(network, names, batches):
    """H = XᵀX of the full-precision rows X of each layer: {name: [m, m] float64}, and the rows."""
    layers = linear_layers(network, names)
    sums = {
        name: torch.zeros(layer.in_features, layer.in_features, dtype=torch.float64)
        for name, layer in layers.items()
    }
    rows = dict.fromkeys(names, 0)

    def add(name, inputs):
        x = inputs[0].reshape(-1, inputs[0].shape[-1]).double()
        sums[name].addmm_(x.T, x)
        rows[name] += len(x)

    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: add(name, inputs))
        for name, layer in layers.items()
    ]
    with torch.inference_mode():
        for batch in batches:
            network(batch)
    for hook in hooks:
        hook.remove()
    return sums, rows


def layer_error(gram, weight, quantized):
    """(‖X(W − Wq)‖_F, its share of ‖XW‖_F) from H = XᵀX: ‖XE‖_F² = Σ (E H)·E over the rows of E."""
    weight = torch.as_tensor(weight, dtype=torch.float64)
    residual = weight - torch.as_tensor(quantized, dtype=torch.float64)
    error = math.sqrt(max(float(((residual @ gram) * residual).sum()), 0.0))
    norm = math.sqrt(float(((weight @ gram) * weight).sum()))
    return error, error / norm if norm > 0 else 0.0
