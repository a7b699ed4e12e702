"""Figures of runs against one config key, a line for each setting of the others."""

import matplotlib.pyplot as plt

from plots.measures import measure_of
from plots.runs import by_network, fail, lines_of, plain, points, read_runs
from plots.style import (axis_name, check_lines, draw_line, in_order, legend_above,
                         network_name, set_sizes)


def plot(arguments):
    key = arguments.key
    # A method that does not read the key has no place on its axis.
    runs = [run for run in read_runs(arguments.files) if key in run.config]
    if not runs:
        fail(f"--key {key}: the runs have no such config key")
    columns = columns_of_lines(runs, key)
    varies = any(len({plain(run.config[key]) for run in members}) > 1
                 for lines in columns.values() for members in lines.values())
    if not varies:
        fail(f"no two runs of one model differ in {key} alone (and the seed)")
    labels = list(dict.fromkeys(label for lines in columns.values() for label in lines))
    check_lines(labels)
    names = [arguments.metric] if arguments.metric else ["top1", "error"]
    width = arguments.width or min(7.0, 3.8 * len(columns))
    set_sizes(width)
    row_height = min(2.1, max(1.45, 0.5 + 0.45 * width / len(columns)))
    figure, grid = plt.subplots(len(names), len(columns), sharex=True, sharey="row",
                                squeeze=False, figsize=(width, 0.3 + len(names) * row_height))
    values = all_values(runs, key)
    for name, row in zip(names, grid):
        axis, measure = measure_of(name, arguments.drop and name in ("top1", "top5"))
        for lines, panel in zip(columns.values(), row):
            for label, members in lines.items():
                x, y, error = points(members, key, measure)
                if not numeric(values):
                    x = [values.index(value) for value in x]
                draw_line(panel, labels.index(label), x, y, error, label)
        row[0].set_ylabel(axis)
    for title, top, bottom in zip(columns, grid[0], grid[-1]):
        if len(columns) > 1:
            narrow = width / len(columns) < 1.6
            top.set_title(title.replace(" ", "\n", 1) if narrow else title)
        set_x_axis(bottom, values)
        bottom.set_xlabel(axis_name(key))
    legend_above(figure, grid.flat, arguments.title)
    return figure


def columns_of_lines(runs, key):
    """
    {title: {label: runs}}: a column for each network where one has several lines, else one column
    with a line for each network.
    """
    networks = by_network(runs)
    columns = {}
    for network in in_order(networks):
        columns[network_name(network)] = {
            without_method(label, key): line
            for label, line in lines_of(networks[network], key).items()}
    if len(columns) > 1 and all(len(lines) == 1 for lines in columns.values()):
        return {"": {name: line for name, lines in columns.items() for line in lines.values()}}
    return columns


def without_method(label, key):
    """Where the method is the x axis, a line is named by the rest of its setting."""
    if key != "quantization.method":
        return label
    return label.split(", ", 1)[1] if ", " in label else "each method"


def numeric(values):
    return all(isinstance(value, (int, float)) and not isinstance(value, bool)
               for value in values)


def all_values(runs, key):
    values = {plain(run.config[key]) for run in runs}
    return sorted(values) if numeric(values) else sorted(values, key=str)


def set_x_axis(axes, values):
    if not numeric(values):
        axes.set_xticks(range(len(values)), [str(value).replace("_", " ") for value in values])
        axes.margins(x=0.12)
        return
    if values[0] > 0 and values[-1] / values[0] > 8:
        axes.set_xscale("log", base=2)
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()
