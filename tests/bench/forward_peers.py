"""Forward passes without decoding in PyTorch, ONNX Runtime and OpenVINO, in 32-bit floats.

Prints a table and writes a flat JSON of images a second, each runtime's best over batch sizes. Run
by scripts/run_benchmarks.sh, on the networks of forward_ratios.cpp.
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile
import time
import warnings

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from python_environment import import_torchvision  # noqa: E402

torchvision = import_torchvision()
import timm  # noqa: E402

warnings.filterwarnings("ignore")

NETWORKS = {
    "deit_tiny_patch16_224": lambda: timm.create_model("deit_tiny_patch16_224"),
    "vit_base_patch16_224": lambda: timm.create_model("vit_base_patch16_224"),
    "resnet50": torchvision.models.resnet50,
    "mobilenet_v2": torchvision.models.mobilenet_v2,
}


def rate(run, batch, seconds):
    """Images a second of `run`, a batch at a time, over the fastest of several stretches."""
    run()
    best = 0.0
    for _ in range(3):
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            run()
            done += batch
        best = max(best, done / (time.perf_counter() - start))
    return best


def pytorch(network, batch, threads):
    torch.set_num_threads(threads)
    pixels = torch.randn(batch, 3, 224, 224)

    def run():
        with torch.inference_mode():
            network(pixels)

    return run


def onnx_runtime(file, batch, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    pixels = numpy.random.randn(batch, 3, 224, 224).astype(numpy.float32)
    return lambda: session.run(None, {"images": pixels})


def openvino(file, batch, threads):
    import openvino

    model = openvino.Core().read_model(file)
    model.reshape([batch, 3, 224, 224])
    compiled = openvino.Core().compile_model(
        model, "CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"})
    pixels = numpy.random.randn(batch, 3, 224, 224).astype(numpy.float32)
    return lambda: compiled(pixels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    seconds = 0.2 if arguments.quick else 2.0
    figures = {}
    runtimes = ("pytorch", "onnx_runtime", "openvino")
    print(f"\nForward passes, images/s\n{'network':<24}" + "".join(f"{x:>14}" for x in runtimes))
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in NETWORKS.items():
            network = make().eval()
            file = str(pathlib.Path(scratch) / f"{name}.onnx")
            torch.onnx.export(network, (torch.randn(2, 3, 224, 224),), file, dynamo=False,
                              input_names=["images"], dynamic_axes={"images": {0: "batch"}})
            for runtime, source in (("pytorch", network), ("onnx_runtime", file),
                                    ("openvino", file)):
                best = max(rate(globals()[runtime](source, batch, threads), batch, seconds)
                           for batch in (1, 8, 32))
                figures[f"{runtime}_images_per_second_{name}"] = best
            print(f"{name:<24}" + "".join(
                f"{figures[f'{x}_images_per_second_{name}']:>14.1f}" for x in runtimes))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
