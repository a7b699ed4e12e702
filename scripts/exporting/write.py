#!/usr/bin/env python3
"""What export_model leaves to Python's libraries: started by it with the folder of a job.

A job is job.json (what to do), network.safetensors (the tensors of the quantized network as floats)
and layers.safetensors (codes, scales and zero points). What came of it is answer.json; what went
wrong with the input is one line of error.txt.
"""

import json
import pathlib
import sys
import warnings

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

import python_environment  # noqa: E402
from exporting import environment  # noqa: E402

MODULES = {"onnx": ["torch", "onnx", "onnxscript", "onnxruntime"],
           "run": ["numpy", "onnxruntime"],
           "pt2": ["torch"],
           "pth": ["torch"],
           "compressed-tensors": ["torch", "torchvision", "transformers", "compressed_tensors"]}
OF_FAMILIES = ["torchvision", "timm"]


def modules_for(job):
    families = job["task"] in ("onnx", "pt2") and not job["program"]
    return [*MODULES[job["task"]], "safetensors", *(OF_FAMILIES if families else [])]


def quantized_program(job, state):
    """The network as an exported program with these tensors, and its names of comq's."""
    import torch
    from exporting import families
    from exporting.program import exported

    if not job["program"]:
        network, name_of = families.made(job["model"], state)
        return exported(network, job["model"]["image_size"])[0], name_of
    program = torch.export.load(job["program"])
    own = program.state_dict
    for name, tensor in own.items():
        if name in state:
            with torch.no_grad():
                tensor.copy_(state[name])
    return program, families.unchanged


def difference(logits, expected):
    """The largest, in units of the largest logit."""
    return ((logits - expected).abs().max() / expected.abs().max()).item()


def check(found, expected, tolerance, what):
    """What a file computes must be what comq does, or it is no export."""
    off = difference(found, expected)
    if not off <= tolerance:
        environment.fail(f"{what} gives logits that differ from comq's by {off:.1e} of their "
                         "largest; please report this network")
    return off


def write_onnx(job, folder, tensors):
    import torch
    from exporting import onnx_model, onnx_runtime

    program, name_of = quantized_program(job, tensors("network"))
    with torch.inference_mode():
        probe = tensors("probe")
        if not job["activations"]:
            check(program.module()(probe["images"]), probe["logits"], 1e-3, "PyTorch's network")
    file = folder / "written"
    layers, opset = onnx_model.write(job, program, tensors("layers"), name_of, file)
    logits = torch.from_numpy(onnx_runtime.run(file, [probe["images"].numpy()])[0])
    # A value at the border of two levels may be rounded to either.
    off = difference(logits, probe["logits"]) if job["activations"] else check(
        logits, probe["logits"], 1e-3, "ONNX Runtime")
    return {"layers": layers, "opset": opset, "difference": off}


def write_pt2(job, folder, tensors):
    import torch

    program, _ = quantized_program(job, tensors("network"))
    file = folder / "written.pt2"
    torch.export.save(program, file, extra_files={"comq.json": json.dumps(job["notes"])})
    probe = tensors("probe")
    with torch.inference_mode():
        logits = torch.export.load(file).module()(probe["images"])
    off = check(logits, probe["logits"], 1e-3, "the program")
    file.rename(folder / "written")
    return {"difference": off}


def write_pth(job, folder, tensors):
    import torch

    torch.save({name: tensor.clone() for name, tensor in tensors("checkpoint").items()},
               folder / "written")
    return {}


def write_compressed(job, folder, tensors):
    from exporting import compressed

    return compressed.write(job, folder, tensors)


def run_onnx(job, folder, _):
    from exporting import onnx_runtime
    from safetensors.numpy import load_file, save_file

    batches = load_file(folder / "images.safetensors")
    names = sorted(batches)
    logits = onnx_runtime.run(job["file"], [batches[name] for name in names])
    save_file(dict(zip(names, logits)), folder / "logits.safetensors")
    return {}


def loaded(folder, name):
    from safetensors.torch import load_file

    return load_file(folder / f"{name}.safetensors")


TASKS = {"onnx": write_onnx, "run": run_onnx, "pt2": write_pt2, "pth": write_pth,
         "compressed-tensors": write_compressed}


def versions(modules):
    import importlib.metadata

    return {name: importlib.metadata.version(name.replace("_", "-")) for name in modules}


def main():
    # Of one library's use of another: nothing that the user of export_model could do about.
    warnings.simplefilter("ignore")
    folder = pathlib.Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    python_environment.program_name = "export_model"
    modules = modules_for(job)
    try:
        environment.enter(modules)
        answer = TASKS[job["task"]](job, folder, lambda name: loaded(folder, name))
    except SystemExit as end:
        if isinstance(end.code, str):
            (folder / "error.txt").write_text(end.code.partition(": ")[2])
            sys.exit(3)
        raise
    answer["versions"] = versions(modules)
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
