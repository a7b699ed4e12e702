"""Accuracy against size: a panel for each network, a marker for each method, the best joined."""

import matplotlib.pyplot as plt

from plots.bits import check_same_images, mark_full_precision, ordered_labels
from plots.measures import MEASURES, measure_of
from plots.runs import by_network, fail, lines_of, read_runs
from plots.style import check_lines, in_order, label_figure, line_style, network_name, set_sizes

SIZES = {"bits": "bits per weight,\nscales included", "megabytes": "size of the\nnetwork (MB)"}
BETTER_ABOVE = ("top1", "top5", "agreement")


def plot(arguments):
    networks = by_network(read_runs(arguments.files))
    # Runs of one method are markers of one kind, whatever their bits.
    lines = {network: lines_of(networks[network], "quantization.bits")
             for network in in_order(networks)}
    check_same_images(networks)
    labels = ordered_labels(lines)
    check_lines(labels)
    name = arguments.metric or "top1"
    axis, measure = measure_of(name, arguments.drop)
    higher = name in BETTER_ABOVE and not arguments.drop
    width = arguments.width or (3.8 if len(networks) == 1 else min(7.0, 2.3 * len(networks)))
    set_sizes(width)
    columns = len(networks) if width / len(networks) >= 1.6 else 1
    rows = len(networks) // columns
    height = min(2.7, max(1.9, 0.9 * width / columns + 0.6)) if rows == 1 else 1.5 * rows + 0.3
    figure, grid = plt.subplots(rows, columns, squeeze=False, figsize=(width, height),
                                sharey=not arguments.own_scale)
    for panel, (network, of_labels) in zip(grid.flat, lines.items()):
        draw_panel(panel, of_labels, labels, measure, arguments.size, higher)
        if name in MEASURES and name in ("top1", "top5"):
            mark_full_precision(panel, networks[network], arguments)
        if len(networks) > 1 or not arguments.title:
            panel.set_title(network_name(network))
        panel.margins(x=0.1)
    for panel in grid[-1]:
        panel.set_xlabel(SIZES[arguments.size])
    label_figure(figure, grid, axis, arguments.title)
    return figure


def size_of(run, size):
    name = {"bits": "average_bits_with_scales", "megabytes": "quantized_bytes"}[size]
    if name not in run.size or not run.layers:
        fail(f"{run.file}: says no size of a quantized network")
    return float(run.size[name]) / (1e6 if size == "megabytes" else 1)


def draw_panel(axes, lines, labels, measure, size, higher):
    places = []
    for label, runs in lines.items():
        look = dict(line_style(labels.index(label)), linestyle="none")
        points = sorted((size_of(run, size), *measure(run)) for run in runs)
        places += points
        x, y, error = zip(*points)
        axes.errorbar(x, y, yerr=error, label=label, elinewidth=0.9, zorder=3, **look)
    front = frontier(places, higher)
    axes.plot([x for x, _ in front], [y for _, y in front], color="0.6", linewidth=1,
              label="nothing smaller is better", zorder=2)


def frontier(places, higher):
    """The points that no smaller or equal one beats, by size."""
    sign = 1 if higher else -1
    best, front = float("-inf"), []
    for x, y, _ in sorted(places, key=lambda place: (place[0], -sign * place[1])):
        if sign * y > best:
            best = sign * y
            front.append((x, y))
    return front
