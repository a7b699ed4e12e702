"""Result files as plots need them: what was measured, what was set, which runs form a line."""

import collections
import math
import pathlib
import sys

import h5py
import yaml

from result_files import flatten, in_folder

SECTIONS = ("activations.", "calibration.", "evaluation.", "quantization.", "repair.")
METHODS = {"rtn": "round to nearest", "gptq": "GPTQ", "gpfq": "GPFQ", "beacon": "Beacon",
           "adaround": "AdaRound", "comq": "COMQ", "comq_plus": "comq_plus"}
PRESETS = {"authors_code": "authors' code", "paper": "paper"}
# How a line is told from another of the same method; any other key is given as key=value.
WORDS = {"quantization.zero_point": {"real": "real zero points", "half": "zero points at halves"},
         "calibration.inputs": {"quantized": "quantized inputs"},
         "calibration.weighting": {"fisher": "row importance"},
         "quantization.granularity": {"per_layer": "one scale a layer"}}


def fail(message):
    sys.exit(f"error: {message}")


class Run:
    """One result file."""

    def __init__(self, file):
        self.file = file
        try:
            with h5py.File(file, "r") as content:
                major = str(content.attrs["schema_version"]).split(".")[0]
                if major != "1":
                    fail(f"{file}: has schema {major}, this script reads schema 1")
                self.status = content.attrs["status"]
                self.config = flatten(yaml.safe_load(content.attrs["config"]))
                layers = content["layers"]
                self.layers = [name.decode() for name in layers["name"][:]]
                self.layer_columns = {name: layers[name][:] for name in
                                      ("relative_error", "rtn_relative_error",
                                       "heldout_relative_error", "cumulative_error")
                                      if name in layers}
                size = content.get("model_size")
                self.size = {} if size is None else dict(size.attrs)
                self.sensitivity = {name: column[:] for name, column in
                                    content.get("sensitivity", {}).items()}
                evaluation = content["evaluation"]
                self.accuracy = {network: dict(evaluation[network].attrs)
                                 for network in ("full_precision", "quantized")
                                 if network in evaluation}
                self.agreement = evaluation.attrs.get("agreement")
                quantized = evaluation.get("quantized", {})
                self.divergences = quantized["kl"][:] if "kl" in quantized else []
        except (OSError, KeyError) as error:
            fail(f"{file}: is no result file of comq, or is damaged ({error})")
        self.model = self.config["model.name"]

    def setting(self):
        """Keys that can make a line of its own: all of the experiment but the seed."""
        return {key: str(value) for key, value in self.config.items() if key.startswith(SECTIONS)}

    def method(self):
        """The method in words, with its preset where it has one."""
        name = self.config["quantization.method"]
        words = METHODS.get(name, name)
        if name == "comq":
            preset = self.config.get("quantization.preset")
            words += f" ({PRESETS.get(preset, preset)})"
        return words

    def rank(self):
        """Where the method stands in a legend."""
        name = self.config["quantization.method"]
        known = list(METHODS)
        preset = list(PRESETS)
        own = self.config.get("quantization.preset")
        return (known.index(name) if name in known else len(known),
                preset.index(own) if name == "comq" and own in preset else 0)


def read_runs(places):
    """The finished runs in files and folders; of a folder, those that quantized a network."""
    runs = []
    for place in map(pathlib.Path, places):
        if place.is_dir():
            found = [Run(file) for file in in_folder(place)]
            runs += [run for run in found if run.status == "complete" and
                     "quantized" in run.accuracy]
        else:
            runs.append(Run(place))
    if not runs:
        fail(f"no finished run with a quantized network in {', '.join(places)}")
    return runs


def by_network(runs):
    """{network: its runs}, in the order in which they were named."""
    networks = collections.defaultdict(list)
    for run in runs:
        networks[run.model].append(run)
    return networks


def differing_keys(runs, without=()):
    """Keys of the experiment that two runs have different values of, of those that read them."""
    settings = [run.setting() for run in runs]
    keys = sorted(set().union(*settings) - set(without))
    return [key for key in keys
            if len({setting[key] for setting in settings if key in setting}) > 1]


def sortable(value):
    """Numbers before text, each in its own order."""
    number = isinstance(value, (int, float))
    return (not number, value if number else 0, str(value))


def in_words(key, value):
    """What a key adds to the name of a line."""
    if key == "quantization.bits":
        return f"{value} bits"
    return f"{key.split('.', 1)[1]}={value}"


def lines_of(runs, x_key):
    """
    {label: runs} of one network: a line for each setting of all keys but `x_key` and the seed.
    Nothing is left out; runs that no label tells apart are an error.
    """
    keys = differing_keys(runs, {x_key})
    groups = collections.defaultdict(list)
    for run in runs:
        groups[tuple(run.setting().get(key) for key in keys)].append(run)
    ordered = sorted(groups.values(), key=lambda members: (
        members[0].rank(), [sortable(members[0].config.get(key)) for key in keys]))
    same_method = collections.defaultdict(list)
    for members in ordered:
        same_method[members[0].method()].append(members[0])
    lines = {}
    for members in ordered:
        first = members[0]
        told = differing_keys(same_method[first.method()], {x_key})
        parts = [first.method()]
        for key in keys:
            value = first.setting().get(key)
            if value in WORDS.get(key, {}):
                parts.append(WORDS[key][value])
            elif key in told:
                parts.append(in_words(key, value))
        label = ", ".join(parts)
        if label in lines:
            fail(f"{members[0].file} and {lines[label][0].file} differ in something that is no "
                 "setting of the experiment; name fewer files")
        lines[label] = members
    return lines


def mean_and_error(values):
    """Mean and standard error of (value, own error) pairs; one pair keeps its own error."""
    if len(values) == 1:
        return values[0]
    numbers = [value for value, _ in values]
    mean = sum(numbers) / len(numbers)
    squares = sum((number - mean) ** 2 for number in numbers)
    return mean, math.sqrt(squares / (len(numbers) - 1) / len(numbers))


def points(runs, key, measure):
    """x, mean and error of `measure(run)` over the runs of each x = config[key], by x."""
    by_x = collections.defaultdict(list)
    for run in runs:
        by_x[plain(run.config[key])].append(measure(run))
    numeric = all(isinstance(x, (int, float)) for x in by_x)
    order = sorted(by_x) if numeric else sorted(by_x, key=str)
    means = [mean_and_error(by_x[x]) for x in order]
    return order, [mean for mean, _ in means], [error for _, error in means]


def plain(value):
    """A value of a config that can be compared: lists and null as text."""
    return value if isinstance(value, (int, float, str)) else str(value)
