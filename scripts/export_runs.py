#!/usr/bin/env python3
"""Writes finished runs as other tools open them, without any connection.

  scripts/export_runs.py results/order_bits --to tensorboard -o logs
  scripts/export_runs.py results/order_bits --to mlflow -o tracking --experiment order_bits
  scripts/export_runs.py results/a.h5 results/b.h5 --to csv -o tables
  scripts/export_runs.py results/order_bits --to jsonl -o runs.jsonl

Figures become metrics, the config parameters, layers a series whose step is their place in the
network. TensorBoard and MLflow also get, of each run, the page of make_report and a plot of its
layers. Numbers are those of `inspect_results --json`: percentages to two decimals, errors to five
digits.
"""

import argparse
import pathlib
import tempfile

from tracking import environment, runs, tables

EPILOG = """csv and jsonl need nothing but Python. Where it has no TensorBoard or MLflow, the
script installs the versions of tracking/requirements.txt into a virtual environment of its own, and
goes on there."""

MODULES = {"tensorboard": ["tensorboard"], "mlflow": ["mlflow", "sqlalchemy", "alembic"],
           "csv": [], "jsonl": []}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", metavar="RESULT",
                        help="result files (.h5), or folders of them")
    parser.add_argument("--to", choices=MODULES, required=True)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True,
                        help="folder to write; for jsonl a file")
    parser.add_argument("--experiment", default="comq", help="its name in MLflow")
    parser.add_argument("--no-artefacts", action="store_true", help="no report, no plot of layers")
    parser.add_argument("--no-images", action="store_true", help="no thumbnails in the report")
    return parser.parse_args()


def main():
    given = arguments()
    environment.enter(MODULES[given.to])
    exported = runs.found(given.results)
    if given.to == "csv":
        return tables.to_csv(exported, given.output)
    if given.to == "jsonl":
        return tables.to_jsonl(exported, given.output)

    from tracking import artefacts

    with tempfile.TemporaryDirectory() as folder:
        files = {run.name: [] for run in exported}
        if not given.no_artefacts:
            files = artefacts.made(exported, folder, not given.no_images)
        if given.to == "tensorboard":
            from tracking import tensorboard_log
            return tensorboard_log.write(exported, given.output, files)
        from tracking import mlflow_store
        return mlflow_store.write(exported, given.output, files, given.experiment)


if __name__ == "__main__":
    main()
