"""KL of the predictions with one layer, or block, alone quantized, in the order of the network."""

import matplotlib.pyplot as plt

from plots.layers import axis_of_names, logarithmic, marker_size
from plots.runs import fail, read_runs
from plots.style import check_lines, legend_above, line_style, network_name, set_sizes


def plot(arguments):
    runs = read_runs(arguments.files)
    if len(runs) > 1:
        fail("'sensitivity' shows one run; its widths are told apart")
    run = runs[0]
    if not run.sensitivity:
        fail(f"{run.file}: holds no sensitivities; sensitivity.bits=[2,3,4] with "
             "calibration.holdout=64 measures them")
    units = list(dict.fromkeys(name.decode() for name in run.sensitivity["unit"]))
    widths = sorted(set(map(int, run.sensitivity["bits"])))
    labels = [f"each alone at {bits} bits" for bits in widths]
    check_lines(labels)
    width = arguments.width or min(7.0, max(3.4, 0.15 * len(units) + 1.2))
    set_sizes(width)
    figure, axes = plt.subplots(figsize=(width, 3.0 if width > 4.5 else 2.6))
    step = 0.5 / (len(widths) - 1) if len(widths) > 1 else 0
    for index, bits in enumerate(widths):
        rows = [row for row, own in enumerate(run.sensitivity["bits"]) if int(own) == bits]
        at = [units.index(run.sensitivity["unit"][row].decode()) +
              step * (index - (len(widths) - 1) / 2) for row in rows]
        look = dict(line_style(index), linestyle="none", markersize=marker_size(len(units), width))
        axes.errorbar(at, [run.sensitivity["kl"][row] for row in rows],
                      yerr=[run.sensitivity["kl_standard_error"][row] for row in rows],
                      label=labels[index], elinewidth=0.8, zorder=3, **look)
    logarithmic(axes)
    axes.set_ylabel("KL(full precision ‖\nquantized) (nats)")
    axis_of_names(axes, units, width)
    legend_above(figure, [axes], arguments.title or network_name(run.model))
    return figure
