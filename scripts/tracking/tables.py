"""Runs as CSV or JSON lines, which need no library."""

import csv
import json
import os


def replaced(file, write):
    """Writes a file under its own name once it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            write(stream)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    print(file)


def columns_of(rows):
    """Every key of any row, in the order in which they come."""
    return list(dict.fromkeys(key for row in rows for key in row))


def write_table(file, rows):
    def write(stream):
        writer = csv.DictWriter(stream, columns_of(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

    replaced(file, write)


def cell(value):
    """A value of a config as a field: lists as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def to_csv(runs, place):
    """runs.csv (config, figures), layers.csv, sensitivities.csv and stages.csv in a folder."""
    write_table(place / "runs.csv", [
        {"run": run.name, "file": run.content["file"], "identity": run.content["identity"],
         **run.figures, **{key: cell(value) for key, value in run.config.items()}}
        for run in runs])
    for name in ("layers", "sensitivities", "stages"):
        rows = [{"run": run.name, "place": place_in_run, **row}
                for run in runs for place_in_run, row in enumerate(run.table(name))]
        if rows:
            write_table(place / f"{name}.csv", rows)


def to_jsonl(runs, place):
    """A line a run: what `inspect_results --json` prints of it, and its name."""
    def write(stream):
        for run in runs:
            stream.write(json.dumps({"run": run.name, **run.content}, ensure_ascii=False) + "\n")

    replaced(place, write)
