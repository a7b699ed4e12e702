"""How plots look: colours, sizes of a paper's column or page, legends, axes in words."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from plots.runs import fail  # noqa: E402

# Okabe and Ito (2008): told apart with every kind of colour blindness; markers and dashes also
# tell the lines apart in black and white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
MOST_LINES = 14

NETWORKS = {"deit_tiny_patch16_224": "DeiT-Tiny", "deit_small_patch16_224": "DeiT-Small",
            "deit_base_patch16_224": "DeiT-Base", "vit_base_patch16_224": "ViT-B/16",
            "vit_small_patch16_224": "ViT-S/16", "squeezenet1_1": "SqueezeNet 1.1",
            "cifar10_resnet20": "ResNet-20 (CIFAR-10)", "cifar10_resnet32": "ResNet-32 (CIFAR-10)",
            "cifar10_resnet56": "ResNet-56 (CIFAR-10)", "efficientnet_lite0": "EfficientNet-Lite0",
            "demo_vit": "demo ViT", "demo_cnn": "demo CNN"}
KEYS = {"quantization.bits": "bits per weight", "quantization.sweeps": "sweeps over the codes",
        "quantization.order": "order of visits", "quantization.method": "method",
        "quantization.scalar": "scalar of the step size", "quantization.start": "start",
        "quantization.granularity": "weights that share a scale",
        "quantization.group_size": "weights of a scale group",
        "quantization.zero_point": "zero points", "calibration.images": "calibration images",
        "calibration.propagation": "propagation strength", "activations.bits": "bits per input",
        "calibration.selection": "choice of calibration images"}


def in_order(models):
    """Networks as they stand above, others behind in the order in which they were named."""
    known = list(NETWORKS)
    return sorted(models, key=lambda model: known.index(model) if model in known else len(known))


def network_name(model):
    return NETWORKS.get(model, model)


def axis_name(key):
    return KEYS.get(key, key)


def set_sizes(width):
    """Font sizes for a figure of `width` inches: 8 pt in a column of 3.4, 9 pt from 4.5 on."""
    base = 8 if width < 4.5 else 9
    plt.rcParams.update({
        "font.size": base, "axes.titlesize": base + 0.5, "axes.labelsize": base,
        "legend.fontsize": base - 0.5, "xtick.labelsize": base - 1, "ytick.labelsize": base - 1,
        "axes.linewidth": 0.7, "pdf.fonttype": 42, "axes.spines.top": False,
        "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
        "grid.color": "0.91", "grid.linewidth": 0.6, "lines.linewidth": 1.3,
        "lines.markersize": 4.2, "errorbar.capsize": 2, "legend.frameon": False,
        "legend.handlelength": 2.4, "legend.columnspacing": 1.4})


def line_style(index):
    """Looks of line `index`; a second round of colours has other markers and dashes."""
    turn = index // len(COLOURS)
    return {"color": COLOURS[index % 7], "marker": MARKERS[(index + 3 * turn) % 7],
            "linestyle": DASHES[(index + 2 * turn) % 7]}


def check_lines(labels):
    if len(labels) > MOST_LINES:
        fail(f"{len(labels)} lines cannot be told apart; name fewer files. The lines: " +
             "; ".join(labels))


def draw_line(axes, index, x, y, error, label):
    axes.errorbar(x, y, yerr=error, label=label, elinewidth=0.9, **line_style(index))


def full_precision_line(axes, value):
    axes.axhline(value, color="0.35", linewidth=1, linestyle=(0, (1, 2)), label="full precision",
                 zorder=1)


def label_figure(figure, grid, axis, title):
    """Of a grid of panels with one vertical axis in common, which `axis` names; and the legend."""
    if len(grid) > 1:
        figure.supylabel(axis, fontsize=plt.rcParams["axes.labelsize"])
    else:
        grid[0][0].set_ylabel(axis)
    legend_above(figure, grid.flat, title)


def legend_above(figure, panels, title=None):
    """Lays the figure out: title, one legend of all panels without repeats, panels."""
    found = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels()):
            found.setdefault(label, handle)
    renderer = figure.canvas.get_renderer()
    width = figure.get_figwidth()
    for columns in range(len(found), 0, -1):
        # The fewest rows that fit, filled evenly.
        rows = -(-len(found) // columns)
        legend = figure.legend(found.values(), found.keys(), loc="upper center",
                               ncol=-(-len(found) // rows), borderaxespad=0, borderpad=0.2)
        size = legend.get_window_extent(renderer)
        if size.width / figure.dpi <= width or columns == 1:
            break
        legend.remove()
    head = 0.06 + size.height / figure.dpi
    if title:
        text = figure.suptitle(title, va="top", fontsize=plt.rcParams["axes.titlesize"])
        text.set_in_layout(False)
        title_height = text.get_window_extent(renderer).height / figure.dpi
        head += title_height + 0.06
    height = figure.get_figheight() + head
    figure.set_figheight(height)
    if title:
        text.set_y(1 - 0.04 / height)
    legend.set_bbox_to_anchor((0.5, 1 - (title_height + 0.1 if title else 0.03) / height),
                              transform=figure.transFigure)
    figure.tight_layout(pad=0.4, w_pad=0.9, rect=(0, 0, 1, 1 - (head + 0.02) / height))
