#!/usr/bin/env python3
"""Draws plots from comq's result files (results/README.md describes them).

  bits      accuracy against bits, a line for each method; several networks: a panel each
  layers    relative error by layer beside round-to-nearest, of one run or several;
            --metric cumulative: what the layers before it add
  ablation  accuracy and relative error against one config key, a line for each other setting
  pareto    accuracy against size, bits a weight or megabytes; several networks: a panel each
  sensitivity  KL of the predictions with one layer, or block, alone quantized, by width

Runs that differ in more than the x axis are lines of their own, never left out. Error bars are one
standard error: over seeds where there are several, else over the evaluation images. Every plot is
written as PDF and as PNG. Needs h5py, matplotlib and PyYAML.
"""

import argparse
import sys

try:
    import h5py  # noqa: F401
    import matplotlib  # noqa: F401
    import yaml  # noqa: F401
except ModuleNotFoundError as missing:
    sys.exit(f"plot_results.py: {sys.executable} has no {missing.name}; pip install h5py "
             "matplotlib pyyaml, or use Debian's own: /usr/bin/python3 scripts/plot_results.py")

from plots import ablation, bits, layers, pareto, sensitivity  # noqa: E402
from plots.measures import MEASURES  # noqa: E402
from plots.runs import fail  # noqa: E402

EXAMPLES = """examples:
  plot_results.py bits results/table_demo -o bits --width 7
  plot_results.py bits results/table_demo --drop -o drop
  plot_results.py layers results/a.h5 results/b.h5 -o layers --metric heldout
  plot_results.py ablation results/order_bits --key quantization.bits -o order --width 3.4
  plot_results.py layers results/a.h5 --metric cumulative -o cumulative
  plot_results.py pareto results/report --size megabytes -o pareto
  plot_results.py sensitivity results/a.h5 -o sensitivity"""


def width_in_inches(text):
    width = float(text)
    if not 2 <= width <= 40:
        raise argparse.ArgumentTypeError("2 to 40 inches")
    return width


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES)
    parser.add_argument("plot", choices=["layers", "bits", "ablation", "pareto", "sensitivity"])
    parser.add_argument("files", nargs="+", help="result files, or folders of them")
    parser.add_argument("-o", "--output", required=True,
                        help="file name without its ending; .pdf and .png are written")
    parser.add_argument("--key", default="quantization.sweeps",
                        help="config key of 'ablation' (default: %(default)s)")
    parser.add_argument("--metric", choices=[*MEASURES, "cumulative"],
                        help="what the y axis shows (default: top1; of 'layers' error, of "
                             "'ablation' top1 and error)")
    parser.add_argument("--size", choices=pareto.SIZES, default="bits",
                        help="x axis of 'pareto' (default: %(default)s, scales included)")
    parser.add_argument("--drop", action="store_true",
                        help="accuracy as points lost against the full-precision network")
    parser.add_argument("--width", type=width_in_inches,
                        help="inches: 3.4 is a column, 7 a page of most papers")
    parser.add_argument("--title", help="above the plot")
    parser.add_argument("--own-scale", action="store_true",
                        help="each panel of 'bits' has a y axis of its own")
    arguments = parser.parse_args()
    if arguments.drop and arguments.plot in ("layers", "sensitivity"):
        fail(f"'{arguments.plot}' shows layers, which have no --drop")
    if arguments.metric == "cumulative" and arguments.plot != "layers":
        fail("--metric cumulative is of each layer: plot 'layers'")
    draw = {"layers": layers.plot, "bits": bits.plot, "ablation": ablation.plot,
            "pareto": pareto.plot, "sensitivity": sensitivity.plot}
    figure = draw[arguments.plot](arguments)
    for ending in (".pdf", ".png"):
        figure.savefig(arguments.output + ending, dpi=250)
        print(arguments.output + ending)
    shown = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    print("shown: " + "; ".join(shown))


if __name__ == "__main__":
    main()
