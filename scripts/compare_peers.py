#!/usr/bin/env python3
"""Runs the methods of Brevitas on the network, images, layers and grids of an experiment of comq.

  scripts/compare_peers.py configs/deit_tiny_4bit.yaml calibration.images=64 --methods gptq,gpfq
  scripts/compare_peers.py configs/deit_tiny_4bit.yaml calibration.inputs=quantized \\
      --methods qronos

Writes a result file (results/README.md) for each method, whose quantization.method is
brevitas_gptq, brevitas_gpfq, brevitas_qronos or brevitas_rtn, and comq's round-to-nearest beside
them, from which the images, layers and grids are taken. inspect_results, compare_results and
make_tables show them like any run. Errors of layers are measured on full-precision rows, as comq's
are; comq evaluates the weights. Finished files are kept; the same command goes on with what is
missing.

calibration.inputs=full_precision gives Brevitas's solvers the statistics of the float network;
quantized lets Brevitas quantize layer after layer as it does by itself. quantization.order=greedy
or shared is Brevitas's act_order, inputs by descending magnitude; cyclic is the order they are
stored in.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import operator
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

INSTALL = """needs timm and Brevitas, in a virtual environment of their own:
  python3 -m venv build/peers
  build/peers/bin/python -m pip install --extra-index-url https://download.pytorch.org/whl/cpu torch
  build/peers/bin/python -m pip install -r tests/bench/requirements.txt
  build/peers/bin/python -m pip install --no-deps timm torchvision
  build/peers/bin/python scripts/compare_peers.py CONFIG
scripts/run_benchmarks.sh makes the same environment. run_experiment is looked for in
build/release/bin, beside an installed script, and in the PATH."""

METHODS = ("gptq", "gpfq", "qronos", "rtn")

# What Brevitas can be asked for, None being anything. Of other keys that change what is done to the
# network it has the default alone: anything else would not be the experiment that the config says.
SUPPORTED = {
    "seed": None, "device": None, "model.name": None,
    "data.layout": ["imagefolder"],
    "calibration.batch_size": None, "calibration.inputs": None, "calibration.propagation": None,
    "calibration.propagation_criterion": None,
    "quantization.method": None, "quantization.bits": None, "quantization.layers": None,
    "quantization.grid": ["auto", "minmax"],
    "quantization.order": ["greedy", "shared", "cyclic"],
    "evaluation.batch_size": None,
}
TO_THE_NETWORK = {"statistics", "solution", "repair", "evaluation"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=INSTALL, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="experiment file (.yaml), as of run_experiment")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="config keys to change")
    parser.add_argument("--methods", help=f"of {','.join(METHODS)}; default: all, or the one that "
                        "quantization.method=brevitas_NAME names")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("results/peers"),
                        help="folder of the result files (default: %(default)s)")
    parser.add_argument("--restart", action="store_true", help="replace files that are there")
    return parser.parse_intermixed_args()


def chosen_methods(arguments):
    """The methods to run, and the overrides without what names one."""
    key = "quantization.method="
    named = [word[len(key):] for word in arguments.overrides if word.startswith(key)]
    overrides = [word for word in arguments.overrides if not word.startswith(key)]
    by_key = named[-1].removeprefix("brevitas_") if named else ",".join(METHODS)
    methods = list(dict.fromkeys((arguments.methods or by_key).split(",")))
    for method in methods:
        if method not in METHODS:
            raise PeerError(f"there is no method '{method}'; Brevitas has {', '.join(METHODS)}")
    return methods, overrides


def run_experiment(words, capture=False):
    """Runs comq's program; what it prints goes to the terminal unless it is captured."""
    scripts = pathlib.Path(__file__).resolve().parent
    # Of the checkout; of the prefix that share/comq/scripts lies in.
    places = [scripts.parent / "build/release/bin", scripts.parent.parent.parent / "bin"]
    program = shutil.which("run_experiment", path=":".join(map(str, places))) or shutil.which(
        "run_experiment")
    if program is None:
        raise PeerError("run_experiment is neither built nor in the PATH; run scripts/setup.sh")
    # Its output is for the terminal's errors: this script's own is a line a file.
    done = subprocess.run([str(program), *words], text=True,
                          stdout=subprocess.PIPE if capture else sys.stderr)
    if done.returncode != 0:
        raise PeerError(f"{shlex.join(['run_experiment', *words])} ended with exit code "
                        f"{done.returncode}", done.returncode)
    return done.stdout


def resolved_config(arguments, overrides, method):
    # With the method none a config keeps the keys of every method.
    words = [arguments.config, *overrides, "quantization.method=none", "--print-config"]
    config = yaml.safe_load(run_experiment(words, capture=True))
    config["quantization"]["method"] = f"brevitas_{method}"
    return config


def supported_values(key):
    """The values that the peers can have of a key of --explain; None: any."""
    name = key["key"]
    if name in SUPPORTED:
        return SUPPORTED[name]
    path_or_resource = {"location", "resource"} & set(key["affects"])
    other_methods_alone = "read_by" in key and "gptq" not in key["read_by"]
    if path_or_resource or other_methods_alone or not TO_THE_NETWORK & set(key["affects"]):
        return None
    return [key["default"]]


def check_config(config, keys):
    """`keys` are those of run_experiment --explain all --json."""
    for key in keys:
        values = supported_values(key)
        try:
            value = functools.reduce(operator.getitem, key["key"].split("."), config)
        except KeyError:
            continue  # a run of this config doesn't read it
        if values is not None and value not in values:
            wanted = " or ".join(yaml.safe_dump(value).split("\n")[0] for value in values)
            raise PeerError(f"{key['key']}={value}: the peers need {wanted}")
    calibration = config["calibration"]
    method = config["quantization"]["method"].removeprefix("brevitas_")
    own = {"gptq": 0, "gpfq": 1, "qronos": 1}.get(method)
    if calibration["inputs"] == "quantized" and calibration["propagation"] not in (None, own):
        raise PeerError(f"calibration.propagation={calibration['propagation']}: Brevitas's "
                        f"{method} makes up for a share of {own}; give that or null")


def name_of(config, stem, method):
    """A file of its own for every config, so that a folder holds many."""
    kept = {key: value for key, value in config.items() if key not in ("output", "resources")}
    digest = hashlib.sha256(yaml.safe_dump(kept).encode()).hexdigest()[:8]
    return f"{stem}_{method}_{digest}.h5"


def float_reference(arguments, overrides):
    """comq's round-to-nearest of the experiment, run unless it is there."""
    # Which orders descents may take is nothing to rounding.
    words = [word for word in overrides if not word.startswith("quantization.order=")]
    words += ["quantization.method=rtn", "calibration.inputs=full_precision",
              "calibration.propagation=null"]
    config = yaml.safe_load(run_experiment([arguments.config, *words, "--print-config"], True))
    file = arguments.output / name_of(config, pathlib.Path(arguments.config).stem, "rtn")
    if arguments.restart or not file.exists():
        say(f"round-to-nearest of comq: {file}")
        options = ["--restart"] if arguments.restart else []
        run_experiment([arguments.config, *words, "--output", str(file), *options])
    reference = run_files.Reference(file)
    for name, kind in zip(reference.layers, reference.kinds):
        if kind != "linear":
            raise PeerError(f"layer {name}: is a {kind}; peers quantize Linear layers only")
    if len(set(reference.bits)) != 1:
        raise PeerError("quantization.layers: peers quantize all layers to the same bits")
    return reference


class Comparison:
    """What all methods of one experiment share: the network, its images and its statistics."""

    def __init__(self, config, reference):
        self.reference = reference
        self.network, self.tensors = network.load_network(config["model"]["name"],
                                                          config["model"]["weights"])
        folder = config["data"]["calibration"]
        self.batch_size = config["calibration"]["batch_size"]
        start = time.perf_counter()
        self.batches = self.photos(folder, reference.images)
        self.grams, self.rows = network.grams(self.network, reference.layers, self.batches)
        self.gram_seconds = time.perf_counter() - start
        self.heldout = None
        if reference.heldout:
            batches = self.photos(folder, reference.heldout)
            self.heldout, _ = network.grams(self.network, reference.layers, batches)
        self.check_rows()

    def photos(self, folder, ids):
        return network.Photos(folder, ids, self.network).batches(self.batch_size)

    def weight(self, name):
        return self.tensors[f"{name}.weight"]

    def check_rows(self):
        """comq's own codes must cost here what they cost there: equal images, network and rows."""
        for name, layer in self.reference.codes.items():
            here = network.layer_error(self.grams[name], self.weight(name), layer.weight())[1]
            there = self.reference.relative_error[name]
            if abs(here - there) > 0.002 * there:
                raise PeerError(f"layer {name}: round-to-nearest has relative error {here:.6f} on "
                                f"the rows of timm, {there:.6f} on those of comq: not the same "
                                "network, images or preprocessing")

    def measure(self, layers):
        """Fills in the errors on full-precision rows."""
        for name, layer in layers.items():
            weight, quantized = self.weight(name), layer.weight()
            error, relative = network.layer_error(self.grams[name], weight, quantized)
            heldout = float("nan")
            if self.heldout is not None:
                heldout = network.layer_error(self.heldout[name], weight, quantized)[1]
            residual = weight.double() - network.torch.as_tensor(quantized).double()
            layer.measured = {
                "error": error,
                "relative_error": relative,
                "heldout_relative_error": heldout,
                "weight_error": float(residual.norm() / weight.double().norm()),
            }

    def quantize(self, config, method):
        act_order = config["quantization"]["order"] != "cyclic"
        own_rows = config["calibration"]["inputs"] == "full_precision"
        layers, stages = brevitas_methods.quantize(
            method, self.network, self.reference, self.batches, act_order,
            grams=self.grams if own_rows else None, rows=self.rows,
            report=lambda text: say(f"  brevitas_{method}: {text}"))
        if own_rows and method != "rtn":
            stages["calibrate"] += self.gram_seconds
        self.measure(layers)
        return layers, stages


def evaluate(arguments, overrides, comparison, layers, scratch):
    """comq's evaluation of the weights: the result file of a run that quantizes nothing."""
    tensors = dict(comparison.tensors)
    for name, layer in layers.items():
        tensors[f"{name}.weight"] = network.torch.from_numpy(layer.weight())
    weights = pathlib.Path(scratch) / "weights.safetensors"
    save_file(tensors, weights)
    file = pathlib.Path(scratch) / "evaluated.h5"
    run_experiment([arguments.config, *overrides, "quantization.method=none",
                    "calibration.inputs=full_precision", "calibration.propagation=null",
                    "evaluation.expected_top1=null", "model.sha256=null",
                    f"model.weights={weights}", "--output", str(file), "--quiet"])
    return file


def versions():
    import brevitas

    return {"brevitas_version": brevitas.__version__, "timm_version": network.timm.__version__,
            "pytorch_version": str(network.torch.__version__)}  # a class of its own


def compare(arguments):
    methods, overrides = chosen_methods(arguments)
    stem = pathlib.Path(arguments.config).stem
    arguments.output.mkdir(parents=True, exist_ok=True)
    keys = json.loads(run_experiment(["--explain", "all", "--json"], capture=True))
    wanted = []
    for method in methods:
        config = resolved_config(arguments, overrides, method)
        check_config(config, keys)
        file = arguments.output / name_of(config, stem, f"brevitas_{method}")
        config["output"]["file"] = str(file.resolve())
        if file.exists() and not arguments.restart:
            say(f"{file}: is there")
        else:
            wanted.append((method, config, file))
    if not wanted:
        return
    reference = float_reference(arguments, overrides)
    comparison = Comparison(wanted[0][1], reference)
    for method, config, file in wanted:
        started = utc_now()
        say(f"brevitas_{method}: {file}")
        layers, stages = comparison.quantize(config, method)
        with tempfile.TemporaryDirectory() as scratch:
            start = time.perf_counter()
            evaluated = evaluate(arguments, overrides, comparison, layers, scratch)
            stages["evaluate quantized"] = time.perf_counter() - start
            provenance = {**versions(), "started_utc": started, "finished_utc": utc_now(),
                          "command_line": shlex.join(sys.argv)}
            identity = hashlib.sha256("\n".join(
                [reference.identity, yaml.safe_dump({**config, "output": None}),
                 *versions().values()]).encode()).hexdigest()
            run_files.write_peer_file(file, reference.file, evaluated, layers,
                                      yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
                                      identity, provenance, stages)
        errors = [layer.measured["relative_error"] for layer in layers.values()]
        print(f"{file}: mean relative error {sum(errors) / len(errors):.6f}, mean squared "
              f"{sum(error * error for error in errors) / len(errors):.6f}", flush=True)


def utc_now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    chosen = parse_arguments()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # some of them greet
            import yaml
            from safetensors.torch import save_file

            from peers import brevitas_methods, network, run_files
            from peers.run_files import PeerError
    except ModuleNotFoundError as missing:
        sys.exit(f"error: Python has no module {missing.name}; scripts/compare_peers.py --help "
                 "says how to install what the peers need")
    try:
        compare(chosen)
    except PeerError as failure:
        say(f"error: {failure.args[0]}")
        sys.exit(failure.args[1] if len(failure.args) > 1 else 2)
    except KeyboardInterrupt:
        sys.exit(75)
