"""Small experiments on the networks that come with comq, and whether two results are the same."""

import hashlib

import h5py
import numpy

from .workshop import DONE, SOURCE, Fault, judge, require

CNN = SOURCE / "configs" / "demo_cnn_4bit.yaml"
VIT = SOURCE / "configs" / "demo_vit_4bit.yaml"
SMALL = ["calibration.images=16", "evaluation.images=120", "resources.threads=1",
         "resources.cache=null", "--quiet"]
TINY = ["calibration.images=4", "evaluation.images=10", "resources.threads=1",
        "resources.cache=null", "quantization.method=rtn", "--quiet"]

# By name: the arguments of run_experiment. Each keeps other parts in its journal.
JOBS = {
    "comq": [CNN, *SMALL],
    "predictions": [CNN, *SMALL, "evaluation.images=all"],
    "quantized inputs": [CNN, *SMALL, "calibration.inputs=quantized", "calibration.holdout=8",
                         "quantization.method=comq_plus"],
    "tuned": [CNN, *SMALL, "repair.norm_tuning=full_precision_logits", "repair.images=32",
              "repair.epochs=4", "calibration.holdout=8", "activations.bits=8"],
    "rotated": [VIT, *SMALL, "rotation.residual=true", "rotation.seeds=2",
                "calibration.holdout=8", "sensitivity.bits=[2, 4]"],
}


def numbers_of(file):
    """All of a result but times, places and provenance, as digests by name."""
    numbers = {}

    def take(name, item):
        if name.split("/")[0] in ("provenance", "stages"):
            return
        for key, value in item.attrs.items():
            if key not in ("config", "DIMENSION_LIST", "REFERENCE_LIST"):
                numbers[f"{name}@{key}"] = str(value)
        if isinstance(item, h5py.Dataset) and name != "layers/seconds":
            values = item[()]
            text = repr(values.tolist()) if values.dtype == object else values.tobytes().hex()
            numbers[name] = hashlib.sha256(text.encode()).hexdigest()

    with h5py.File(file, "r") as result:
        take("", result)
        result.visititems(take)
    require(any(name.endswith("bit_code") for name in numbers), f"{file}: holds no codes")
    return numbers


def is_sealed(file):
    """Whether the digest behind a result is that of its content."""
    content = file.read_bytes()
    mark = b"\ncomq: SHA-256 of the bytes before this line "
    at = content.rfind(mark)
    digest = hashlib.sha256(content[:max(at, 0)]).hexdigest().encode()
    return at >= 0 and content[at:] == mark + digest + b"\n"


def undisturbed(workshop, name):
    """The numbers of a job that nothing disturbs, and the seconds that it takes."""
    def make(attempt):
        result = attempt.folder / "undisturbed.h5"
        outcome = judge(attempt.start("run_experiment", *JOBS[name], "-o", result).wait(), [DONE])
        return {"file": result, "numbers": numbers_of(result), "seconds": outcome.seconds}

    return workshop.once(f"undisturbed {name}", make)


def require_same(file, expected, what="the result"):
    """Raises Fault unless a result is whole and has the numbers of `expected`."""
    require(file.exists(), f"{what} is missing")
    require(is_sealed(file), f"{what} is not whole")
    found = numbers_of(file)
    names = sorted(name for name in found.keys() | expected.keys()
                   if found.get(name) != expected.get(name))
    require(not names, f"{what} differs in {', '.join(names[:3])} ({len(names)} in all)")


def require_whole_or_absent(file):
    if file.exists():
        require(is_sealed(file), f"{file.name} is not whole")


def require_finite(file):
    """Raises Fault where a result holds a number that is none, or a code beyond its width."""
    with h5py.File(file, "r") as result:
        bits = dict(zip(result["layers/name"].asstr()[()], result["layers/bits"][()]))
        for name, group in ((name, result["codes"][name]) for name in bits):
            for key in ("scale", "zero_point"):
                if not numpy.isfinite(group[key][()]).all():
                    raise Fault(f"{key} of {name} is not finite")
            require(group["bit_code"][()].max() < 2 ** bits[name], f"a code of {name} is too large")
        for column in ("error", "relative_error", "weight_error"):
            values = result["layers"][column][()]
            require(numpy.isfinite(values).all() and (values >= 0).all(),
                    f"{column} of a layer is {values.min()} … {values.max()}")
        for network in result["evaluation"].values():
            for key in ("top1", "top5"):
                require(0 <= network.attrs[key] <= 100, f"{key} is {network.attrs[key]}")


def journal_of(file):
    return file.with_name(file.name + ".parts")


def leftovers(folder):
    """Temporary files that nobody would clear away."""
    return [path for path in folder.rglob(".*.tmp")]


def require_weight_errors(file, tensors):
    """Raises Fault unless the errors of weights are those that the codes of a result have."""
    with h5py.File(file, "r") as result:
        for name, told in zip(result["layers/name"].asstr()[()],
                              result["layers/weight_error"][()]):
            group = result["codes"][name]
            codes, scale, zero = (group[key][()].astype(float)
                                  for key in ("bit_code", "scale", "zero_point"))
            inputs = numpy.arange(codes.shape[1]) * scale.shape[1] // codes.shape[1]
            quantized = scale[:, inputs] * (codes + zero[:, inputs])
            weight = tensors[f"{name}.weight"].reshape(codes.shape).astype(float)
            norm = numpy.linalg.norm(weight)
            right = numpy.linalg.norm(weight - quantized) / norm if norm > 0 else told
            require(abs(told - right) <= 1e-3 * right + 1e-6,
                    f"weight_error of {name} is {told:.3g} instead of {right:.3g}")
