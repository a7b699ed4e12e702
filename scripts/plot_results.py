#!/usr/bin/env python3
"""Draws figures from comq's result files (results/README.md describes them).

  layers    relative error by layer, the method against round-to-nearest, of one run
  bits      accuracy against bits, a line for each method, error bars over seeds
  ablation  accuracy and relative error against one config key, the other keys being equal

Error bars are one standard error: over seeds where there are several, else over the evaluation
images. Every figure is written as PDF and as PNG. Needs h5py, matplotlib and PyYAML.
"""

import argparse
import collections
import math
import pathlib
import sys

try:
    import h5py
    import matplotlib
    import yaml
except ModuleNotFoundError as missing:
    sys.exit(f"plot_results.py: {sys.executable} has no {missing.name}; pip install h5py "
             "matplotlib pyyaml, or use Debian's own: /usr/bin/python3 scripts/plot_results.py")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import LogLocator  # noqa: E402

# Okabe and Ito (2008): told apart with every kind of colour blindness; markers and dashes also
# tell the lines apart in black and white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]


class Run:
    """What the figures need of one result file."""

    def __init__(self, file):
        try:
            with h5py.File(file, "r") as content:
                major = str(content.attrs["schema_version"]).split(".")[0]
                if major != "1":
                    sys.exit(f"error: {file}: has schema {major}, this script reads schema 1")
                self.status = content.attrs["status"]
                self.config = flatten(yaml.safe_load(content.attrs["config"]))
                layers = content["layers"]
                self.layers = [name.decode() for name in layers["name"][:]]
                self.error = layers["relative_error"][:]
                self.rtn_error = layers["rtn_relative_error"][:]
                self.quantized = accuracy(content, "quantized")
                self.full_precision = accuracy(content, "full_precision")
        except (OSError, KeyError) as error:
            sys.exit(f"error: {file}: is no result file of comq, or is damaged ({error})")
        self.file = file

    def method(self):
        """The name of a line: the method, with its preset where it has one."""
        name = self.config["quantization.method"]
        if name != "comq":
            own = {"rtn": "round to nearest", "comq_plus": "comq_plus", "beacon": "Beacon"}
            return own.get(name, name.upper())
        return f"COMQ ({self.config['quantization.preset']})"

    def mean_error(self):
        return sum(self.error) / len(self.error)


def accuracy(content, network):
    """(Top-1, its binomial standard error) in percent, or None."""
    group = content["evaluation"].get(network)
    return None if group is None else (group.attrs["top1"], group.attrs["top1_standard_error"])


def flatten(tree, prefix=""):
    """{"a": {"b": 1}} as {"a.b": 1}."""
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def read_runs(places):
    files = []
    for place in map(pathlib.Path, places):
        files += sorted(place.rglob("*.h5")) if place.is_dir() else [place]
    runs = [Run(file) for file in files if ".parts" not in str(file.parent)]
    runs = [run for run in runs if run.status == "complete" and run.quantized is not None]
    if not runs:
        sys.exit(f"error: no finished run with a quantized network in {', '.join(places)}")
    return runs


def mean_and_error(values):
    """Mean and standard error of (value, own error) pairs; one pair keeps its own error."""
    if len(values) == 1:
        return values[0]
    numbers = [value for value, _ in values]
    mean = sum(numbers) / len(numbers)
    squares = sum((number - mean) ** 2 for number in numbers)
    return mean, math.sqrt(squares / (len(numbers) - 1) / len(numbers))


def same(runs, keys, what):
    """Fails when runs differ in one of the keys, so that a figure compares what it says."""
    for key in keys:
        values = sorted({str(run.config.get(key)) for run in runs})
        if len(values) > 1:
            sys.exit(f"error: {what} differ in {key}: {', '.join(values)}; name fewer files")


def points(runs, key, value):
    """x, mean, error of `value(run)` over the runs of each x = config[key], by x."""
    by_x = collections.defaultdict(list)
    for run in runs:
        by_x[run.config[key]].append(value(run))
    numeric = all(isinstance(x, (int, float)) for x in by_x)
    order = sorted(by_x) if numeric else sorted(by_x, key=str)
    means = [mean_and_error(by_x[x]) for x in order]
    return order, [mean for mean, _ in means], [error for _, error in means]


def draw_line(axes, index, x, y, error, label):
    axes.errorbar(x, y, yerr=error, label=label, color=COLOURS[index % 7],
                  marker=MARKERS[index % 7], linestyle=DASHES[index % 7], markersize=5,
                  linewidth=1.4, capsize=3)


def float_line(axes, runs):
    """The accuracy before quantization, where the runs have one in common."""
    known = {round(run.full_precision[0], 3) for run in runs if run.full_precision}
    if len(known) == 1:
        axes.axhline(known.pop(), color="0.35", linewidth=1, linestyle=(0, (1, 2)),
                     label="full precision")


def plot_layers(arguments):
    if len(arguments.files) != 1 or pathlib.Path(arguments.files[0]).is_dir():
        sys.exit("error: 'layers' draws one run: name one result file")
    run = Run(arguments.files[0])
    if not run.layers:
        sys.exit(f"error: {run.file}: no layer was quantized")
    count = len(run.layers)
    figure, axes = plt.subplots(figsize=(max(6.0, 0.17 * count + 1.5), 4.2))
    positions = range(count)
    axes.vlines(positions, run.error, run.rtn_error, color="0.8", linewidth=1.2, zorder=1)
    axes.plot(positions, run.rtn_error, color=COLOURS[1], marker=MARKERS[1], linestyle="none",
              markersize=4.5, label="round to nearest")
    axes.plot(positions, run.error, color=COLOURS[0], marker=MARKERS[0], linestyle="none",
              markersize=4.5, label=run.method())
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xticks(positions, run.layers, rotation=90, fontsize=7)
    axes.set_xlim(-0.7, count - 0.3)
    axes.set_ylabel("‖X(W − Wq)‖ / ‖XW‖")
    axes.grid(axis="y", color="0.92")
    axes.set_title(f"{run.config['model.name']}, {run.config['quantization.bits']} bits",
                   fontsize=11, pad=26)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
    return figure


def plot_bits(arguments):
    runs = read_runs(arguments.files)
    same(runs, ["model.name", "data.layout", "evaluation.images", "quantization.granularity"],
         "the runs")
    methods = collections.defaultdict(list)
    for run in runs:
        methods[run.method()].append(run)
    figure, axes = plt.subplots(figsize=(5.2, 3.8))
    float_line(axes, runs)
    ticks = set()
    for index, (method, members) in enumerate(sorted(methods.items())):
        for bits in {run.config["quantization.bits"] for run in members}:
            same([run for run in members if run.config["quantization.bits"] == bits],
                 changing_keys(members, {"quantization.bits"}), f"runs of {method} at {bits} bits")
        x, y, error = points(members, "quantization.bits", lambda run: run.quantized)
        # Lines that coincide stay visible side by side.
        shift = 0.03 * (index - (len(methods) - 1) / 2)
        draw_line(axes, index, [bits + shift for bits in x], y, error, method)
        ticks.update(x)
    axes.set_xticks(sorted(ticks))
    axes.set_xlabel("bits of a weight")
    axes.set_ylabel("Top-1 (%)")
    axes.set_title(runs[0].config["model.name"], fontsize=11)
    axes.grid(color="0.9")
    axes.legend(frameon=False, loc="lower right")
    return figure


def changing_keys(runs, allowed):
    """Keys of the experiment, apart from `allowed`, the seed, and where things lie."""
    sections = ("activations.", "calibration.", "evaluation.", "model.name", "quantization.",
                "repair.")
    return [key for key in runs[0].config if key.startswith(sections) and key not in allowed]


def plot_ablation(arguments):
    runs = read_runs(arguments.files)
    key = arguments.key
    if key not in runs[0].config:
        sys.exit(f"error: --key {key}: the runs have no such config key")
    runs = usual_runs(runs, key)
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(5.2, 5.4), sharex=True)
    models = collections.defaultdict(list)
    for run in runs:
        models[run.config["model.name"]].append(run)
    for index, (model, members) in enumerate(sorted(models.items())):
        x, y, error = points(members, key, lambda run: run.quantized)
        draw_line(top, index, x, y, error, model)
        x, y, error = points(members, key, lambda run: (run.mean_error(), 0.0))
        draw_line(bottom, index, x, y, error, model)
    top.set_ylabel("Top-1 (%)")
    bottom.set_ylabel("relative layer error, mean")
    bottom.set_xlabel(key)
    values = sorted({run.config[key] for run in runs}, key=str)
    if all(isinstance(value, (int, float)) for value in values):
        values.sort()
        if values[0] > 0 and values[-1] / values[0] > 8:
            bottom.set_xscale("log", base=2)
        bottom.set_xticks(values, [f"{value:g}" for value in values])
        bottom.minorticks_off()
    settings = {f"{run.method()}, {run.config['quantization.bits']} bits" for run in runs}
    if len(settings) == 1:
        top.set_title(settings.pop(), fontsize=11)
    for axes in (top, bottom):
        axes.grid(color="0.9")
    top.legend(frameon=False)
    return figure


def usual_runs(runs, key):
    """The runs that differ from the most common setting of their model in nothing but `key`."""
    kept = []
    for model in {run.config["model.name"] for run in runs}:
        members = [run for run in runs if run.config["model.name"] == model]
        others = changing_keys(members, {key})
        settings = collections.Counter(
            tuple(str(run.config.get(other)) for other in others) for run in members)
        spread = collections.defaultdict(set)
        for run in members:
            setting = tuple(str(run.config.get(other)) for other in others)
            spread[setting].add(str(run.config[key]))
        best = max(settings, key=lambda setting: (len(spread[setting]), settings[setting]))
        if len(spread[best]) > 1:
            kept += [run for run in members
                     if tuple(str(run.config.get(other)) for other in others) == best]
    if not kept:
        sys.exit(f"error: no two runs of one model differ in {key} alone (and the seed)")
    return kept


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: plot_results.py bits results/table_demo/*demo_vit*.h5 -o bits")
    parser.add_argument("figure", choices=["layers", "bits", "ablation"])
    parser.add_argument("files", nargs="+", help="result files, or folders of them")
    parser.add_argument("-o", "--output", required=True,
                        help="file name without its ending; .pdf and .png are written")
    parser.add_argument("--key", default="quantization.sweeps",
                        help="config key of 'ablation' (default: %(default)s)")
    arguments = parser.parse_args()
    plt.rcParams.update({"font.size": 10, "pdf.fonttype": 42, "axes.spines.top": False,
                         "axes.spines.right": False})
    draw = {"layers": plot_layers, "bits": plot_bits, "ablation": plot_ablation}
    figure = draw[arguments.figure](arguments)
    figure.tight_layout()
    for ending in (".pdf", ".png"):
        figure.savefig(arguments.output + ending, dpi=200)
        print(arguments.output + ending)


if __name__ == "__main__":
    main()
