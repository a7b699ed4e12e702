"""The DeiT-Tiny job of bench_ratios in Python: timm and PyTorch evaluate, Brevitas quantizes.

Prints a table and writes a flat JSON of figures. Run by scripts/run_benchmarks.sh.
"""
import argparse
import copy
import json
import pathlib
import time
import warnings

import numpy
import torch
from PIL import Image

warnings.filterwarnings("ignore")

# torchvision's extension from PyPI needs CUDA's libraries; timm uses its Python parts only, which
# ask for nothing but the schemas of these operators.
torchvision_operators = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    torchvision_operators.define(f"{_name}(Tensor a, Tensor b, float c) -> Tensor")

import timm  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

BITS = 4


class Photos(torch.utils.data.Dataset):
    """timm's evaluation transform of DeiT-Tiny: bicubic to 248, centre crop 224."""

    def __init__(self, folder, count):
        self.files = sorted(folder.glob("*/*"))[:count]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index]).convert("RGB")
        scale = 248 / min(image.size)
        size = [round(side * scale) for side in image.size]
        left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
        image = image.resize(size, Image.BICUBIC).crop((left, top, left + 224, top + 224))
        pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1).float() / 255
        mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        return (pixels - mean) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def deit_tiny(assets):
    model = timm.create_model("deit_tiny_patch16_224")
    model.load_state_dict(load_file(assets / "weights/deit_tiny_patch16_224.safetensors"))
    return model.eval()


def evaluation(assets, images):
    """Images a second of the best of several batch sizes and numbers of loading processes."""
    model = deit_tiny(assets)
    photos = Photos(assets / "imagenet/val", images)
    best = (0.0, "")
    for workers in (0, 1, 2):
        for batch in (8, 50):
            loader = torch.utils.data.DataLoader(photos, batch, num_workers=workers)
            with torch.inference_mode():
                start = time.perf_counter()
                for pixels in loader:
                    model(pixels).argmax(1)
                rate = images / (time.perf_counter() - start)
            best = max(best, (rate, f"batches of {batch}, {workers} loading processes"))
    return best


def quantized_copy(model):
    """Every Linear but the head with a 4-bit asymmetric grid per output channel."""
    import brevitas.nn as quantized_layers
    from brevitas.graph.quantize import layerwise_quantize
    from brevitas.quant.shifted_scaled_int import ShiftedUint8WeightPerChannelFloat

    return layerwise_quantize(
        copy.deepcopy(model),
        compute_layer_map={
            torch.nn.Linear: (
                quantized_layers.QuantLinear,
                {
                    "weight_quant": ShiftedUint8WeightPerChannelFloat,
                    "weight_bit_width": BITS,
                    "return_quant_tensor": False,
                },
            )
        },
        name_blacklist=["head"],
    ).eval()


def quantization(assets, images, mode):
    """Seconds of reading the photos and quantizing the 48 Linear layers of the blocks."""
    model = quantized_copy(deit_tiny(assets))
    photos = Photos(assets / "imagenet/train", images)
    start = time.perf_counter()
    batches = list(torch.utils.data.DataLoader(photos, 8))
    with torch.no_grad(), mode(model) as algorithm:
        for _ in range(algorithm.num_layers):
            for pixels in batches:
                algorithm.model(pixels)
            algorithm.update()
    return time.perf_counter() - start, algorithm.num_layers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()

    import brevitas
    from brevitas.graph.gpfq import gpfq_mode
    from brevitas.graph.gptq import gptq_mode

    figures = {"torch": torch.__version__, "timm": timm.__version__, "brevitas": brevitas.__version__}
    images = 64 if arguments.quick else 500
    rate, how = evaluation(arguments.assets, images)
    print(f"timm {timm.__version__}, PyTorch {torch.__version__}: {rate:.1f} images/s ({how})")
    figures["timm_images_per_second"] = rate
    calibration = 16 if arguments.quick else 64
    figures["brevitas_images"] = calibration
    for name, mode in (
        ("gptq", lambda model: gptq_mode(model, use_quant_activations=False, act_order=True)),
        ("gpfq", lambda model: gpfq_mode(model, use_quant_activations=False, act_order=True)),
    ):
        seconds, layers = quantization(arguments.assets, calibration, mode)
        print(
            f"Brevitas {brevitas.__version__}, {name}, {calibration} images, "
            f"{layers} layers: {seconds:.1f} s"
        )
        figures[f"brevitas_{name}_seconds"] = seconds
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
