"""The DeiT-Tiny job of bench_ratios in Python: timm and PyTorch evaluate, Brevitas quantizes.

Prints a table and writes a flat JSON of figures. Run by scripts/run_benchmarks.sh.
"""
import argparse
import copy
import json
import pathlib
import sys
import time
import warnings

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from peers.network import Photos, load_network, timm  # noqa: E402

warnings.filterwarnings("ignore")

BITS = 4


def deit_tiny(assets):
    weights = assets / "weights/deit_tiny_patch16_224.safetensors"
    return load_network("deit_tiny_patch16_224", weights)[0]


def photos_of(folder, count, network):
    files = sorted(folder.glob("*/*"))[:count]
    return Photos(folder, [file.relative_to(folder) for file in files], network)


def evaluation(assets, images):
    """Images a second of the best of several batch sizes and numbers of loading processes."""
    model = deit_tiny(assets)
    photos = photos_of(assets / "imagenet/val", images, model)
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
    network = deit_tiny(assets)
    model = quantized_copy(network)
    photos = photos_of(assets / "imagenet/train", images, network)
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
