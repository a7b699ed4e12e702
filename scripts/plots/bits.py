"""Accuracy or error against bits: a panel for each network, a line for each method."""

import matplotlib.pyplot as plt

from plots.measures import MEASURES, measure_of
from plots.runs import by_network, fail, lines_of, points, read_runs
from plots.style import (axis_name, check_lines, draw_line, full_precision_line, in_order,
                         label_figure, network_name, set_sizes)

KEY = "quantization.bits"


def plot(arguments):
    networks = by_network(read_runs(arguments.files))
    lines = {network: lines_of(networks[network], KEY) for network in in_order(networks)}
    check_same_images(networks)
    labels = ordered_labels(lines)
    check_lines(labels)
    axis, measure = measure_of(arguments.metric or "top1", arguments.drop)
    width = arguments.width or (3.8 if len(networks) == 1 else min(7.0, 1.8 * len(networks)))
    set_sizes(width)
    # Side by side where titles fit, else below one another.
    columns = len(networks) if width / len(networks) >= 1.6 else 1
    rows = len(networks) // columns
    height = min(2.7, max(1.9, 0.9 * width / columns + 0.6)) if rows == 1 else 1.35 * rows + 0.3
    figure, grid = plt.subplots(rows, columns, squeeze=False, figsize=(width, height), sharex=True,
                                sharey=not arguments.own_scale)
    for panel, (network, of_labels) in zip(grid.flat, lines.items()):
        draw_panel(panel, of_labels, labels, measure)
        mark_full_precision(panel, networks[network], arguments)
        # The title of a single panel is the figure's.
        if len(networks) > 1 or not arguments.title:
            panel.set_title(network_name(network))
    ticks = sorted({run.config[KEY] for runs in networks.values() for run in runs})
    for panel in grid[-1]:
        panel.set_xlabel(axis_name(KEY))
        panel.set_xticks(ticks)
        panel.margins(x=0.5 if len(ticks) == 1 else 0.05)
    label_figure(figure, grid, axis, arguments.title)
    return figure


def check_same_images(networks):
    """What is no setting of a line but makes numbers of one network incomparable."""
    for runs in networks.values():
        for key in ("data.layout", "evaluation.images"):
            values = sorted({str(run.config.get(key)) for run in runs})
            if len(values) > 1:
                fail(f"the runs differ in {key}: {', '.join(values)}; name fewer files")


def ordered_labels(lines):
    """All labels in the order of the methods, so that a colour means the same in each panel."""
    ranks = {}
    for of_labels in lines.values():
        for label, runs in of_labels.items():
            ranks.setdefault(label, runs[0].rank())
    return sorted(ranks, key=lambda label: ranks[label])


def draw_panel(axes, lines, labels, measure):
    for label, runs in lines.items():
        index = labels.index(label)
        x, y, error = points(runs, KEY, measure)
        # Lines that coincide stay visible side by side.
        shift = 0.03 * (index - (len(labels) - 1) / 2)
        draw_line(axes, index, [bits + shift for bits in x], y, error, label)


def mark_full_precision(axes, runs, arguments):
    """The accuracy before quantization, where the runs have one in common."""
    if arguments.drop:
        full_precision_line(axes, 0)
    elif (arguments.metric or "top1") in ("top1", "top5"):
        value = MEASURES[arguments.metric or "top1"].value
        known = {round(value(run, "full_precision")[0], 3) for run in runs
                 if "full_precision" in run.accuracy}
        if len(known) == 1:
            full_precision_line(axes, known.pop())
