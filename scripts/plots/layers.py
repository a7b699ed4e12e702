"""Relative error by layer in the order of the network, of one run or several."""

import math

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator

from plots.runs import METHODS, differing_keys, fail, in_words, read_runs
from plots.style import check_lines, legend_above, line_style, network_name, set_sizes

COLUMNS = {"error": ("relative layer error", "relative_error"),
           "heldout": ("relative layer error,\nheld-out images", "heldout_relative_error"),
           "cumulative": ("cumulative error,\nin the quantized network", "cumulative_error")}
REMEDIES = {"heldout_relative_error": "calibration.holdout=64 measures it",
            "cumulative_error": "evaluation.layer_images=64, its default, measures it"}


def plot(arguments):
    name = arguments.metric or "error"
    if name not in COLUMNS:
        fail(f"'layers' shows an error of each layer: --metric error, heldout or cumulative, not "
             f"{name}")
    axis, column = COLUMNS[name]
    runs = read_runs(arguments.files)
    layers = common_layers(runs)
    labels = labels_of(runs)
    check_lines(labels)
    width = arguments.width or min(7.0, max(3.4, 0.15 * len(layers) + 1.2))
    set_sizes(width)
    figure, axes = plt.subplots(figsize=(width, 3.0 if width > 4.5 else 2.6))
    draws_nearest = name == "error" and all(
        run.method() != METHODS["rtn"] and not any(map(math.isnan, rtn_errors(run)))
        for run in runs)
    nearest = nearest_errors(runs) if draws_nearest else []
    # Several runs stand beside each other at a layer.
    step = 0.5 / (len(runs) - 1) if len(runs) > 1 else 0
    for index, run in enumerate(runs):
        errors = run.layer_columns.get(column, [math.nan])
        if any(math.isnan(error) for error in errors):
            fail(f"{run.file}: has no {column}; {REMEDIES.get(column, 'no layer was measured')}")
        at = [place + step * (index - (len(runs) - 1) / 2) for place in range(len(layers))]
        look = dict(line_style(index), linestyle="none", markersize=marker_size(len(layers), width))
        if len(nearest) == len(runs):
            several = len(runs) > 1
            # In the run's own colour where each run has round-to-nearest errors of its own.
            colour = look["color"] if several else "0.45"
            axes.vlines(at, errors, nearest[index], color="0.8", linewidth=0.8, zorder=1)
            axes.plot(at, nearest[index], marker="_", color=colour, linestyle="none",
                      label=f"round to nearest{', ' + bits(run) if several else ''}", zorder=2)
        axes.plot(at, errors, label=labels[index], zorder=3, **look)
    if len(nearest) == 1 and len(runs) > 1:
        axes.plot(range(len(layers)), nearest[0], marker="_", color="0.35", linestyle="none",
                  markersize=7, label="round to nearest", zorder=2)
    finish_axes(axes, layers, axis, width)
    networks = sorted({network_name(run.model) for run in runs})
    told = {bits(run) for run in runs}
    title = arguments.title or ", ".join(networks + (list(told) if len(told) == 1 else []))
    legend_above(figure, [axes], title)
    return figure


def bits(run):
    average = run.config.get("quantization.average_bits")
    return f"{average if average else run.config['quantization.bits']} bits"


def common_layers(runs):
    """The layers that all runs have, which must be those of each."""
    layers = runs[0].layers
    if not layers:
        fail(f"{runs[0].file}: no layer was quantized")
    for run in runs[1:]:
        if run.layers != layers:
            other = sorted(set(layers) ^ set(run.layers))
            what = f"{other[0]} is in one of them only" if other else "their orders differ"
            fail(f"{runs[0].file} and {run.file} have other layers: {what}")
    return layers


def labels_of(runs):
    """What tells the runs apart: the method, and each key that differs between runs of it."""
    several_widths = len({bits(run) for run in runs}) > 1
    labels = []
    for run in runs:
        peers = [other for other in runs if other.method() == run.method()]
        parts = [run.method()]
        if several_widths:
            parts.append(bits(run))
        for key in differing_keys(peers):
            if key not in ("quantization.bits", "quantization.average_bits"):
                parts.append(in_words(key, run.config.get(key)))
        if len({other.config.get("seed") for other in peers}) > 1:
            parts.append(f"seed {run.config.get('seed')}")
        label = ", ".join(parts)
        labels.append(label if label not in labels else f"{label} ({run.file.stem})")
    return labels


def rtn_errors(run):
    return run.layer_columns["rtn_relative_error"]


def nearest_errors(runs):
    """Round-to-nearest by layer: once where all runs have the same, else of each run."""
    columns = [rtn_errors(run) for run in runs]
    alike = all(max(abs(a - b) for a, b in zip(columns[0], other)) < 1e-3 * max(columns[0])
                for other in columns[1:])
    return columns[:1] if alike and len(runs) > 1 else columns


def marker_size(count, width):
    return max(2.2, min(4.2, 36 * width / max(1, count)))


def finish_axes(axes, layers, axis, width):
    logarithmic(axes)
    axes.set_ylabel(axis)
    axis_of_names(axes, layers, width)


def logarithmic(axes):
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def axis_of_names(axes, layers, width):
    size = 6.5
    # As many names as fit above each other, turned.
    every = max(1, math.ceil(len(layers) * size * 1.15 / 72 / (width - 0.7)))
    axes.set_xticks(range(0, len(layers), every), layers[::every], rotation=90, fontsize=size)
    axes.set_xlim(-0.7, len(layers) - 0.3)
    axes.grid(axis="x", visible=False)

