"""Finished runs as comq's own programs tell them: `inspect_results --json`."""

import datetime
import json
import pathlib
import shutil
import subprocess

from result_files import flatten, in_folder
from tracking.environment import fail

SCRIPTS = pathlib.Path(__file__).resolve().parents[1]
# Of what a run says of itself: nothing that another run of the same config would not have.
SUMMARY = ("file", "identity", "uses_labels", "uses_gradients")


def program(name):
    """A program of comq: of this checkout, beside an installed script, or of the PATH."""
    places = [SCRIPTS.parent / "build" / "release" / "bin", SCRIPTS.parents[2] / "bin"]
    found = shutil.which(name, path=":".join(map(str, places))) or shutil.which(name)
    if found is None:
        fail(f"{name} is neither built nor in the PATH; run scripts/setup.sh")
    return found


class Run:
    """One result file. Percentages have two decimals, errors five digits."""

    def __init__(self, file):
        self.file = pathlib.Path(file)
        done = subprocess.run([program("inspect_results"), str(file), "--sort", "network", "--json"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail(done.stderr.strip().removeprefix("error: ") or f"{file}: can't be read")
        self.content = json.loads(done.stdout)
        self.name = self.file.stem
        self.started = self.content["provenance"].get("started_utc")
        self.finished = self.content["provenance"].get("finished_utc")

    @property
    def config(self):
        """{"quantization.bits": 4, …}."""
        return flatten(self.content["config"])

    @property
    def figures(self):
        """Every number that tells of the whole run, with its standard errors; none unmeasured."""
        figures = {name: value for name, value in self.content.items()
                   if is_number(value) and name not in SUMMARY}
        figures.update({f"size/{name}": value for name, value in self.content["size"].items()
                        if is_number(value) and name not in figures})
        return figures

    @property
    def provenance(self):
        return {name: value for name, value in self.content["provenance"].items()
                if value is not None}

    def table(self, name):
        """Rows of "layers", "sensitivities" or "stages", in the order of the network."""
        return self.content[name]

    def series(self):
        """{"layers/relative_error": [(place of the layer, value), …]} of all that was measured."""
        series = {}
        for place, row in enumerate(self.table("layers")):
            for column, value in row.items():
                if is_number(value):
                    series.setdefault(f"layers/{column}", []).append((place, value))
        places = {row["name"]: place for place, row in enumerate(self.table("layers"))}
        for place, row in enumerate(self.table("sensitivities")):
            # Those of blocks have places of their own.
            at = places.get(row["unit"], place)
            if is_number(row["kl"]):
                series.setdefault(f"sensitivity/kl_at_{row['bits']}_bits", []).append(
                    (at, row["kl"]))
        return series


def seconds_of(utc):
    """Since 1970, of "2026-01-31T12:00:00Z"; 0 where a run does not say."""
    if not utc:
        return 0.0
    return datetime.datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp()


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def found(places):
    """The runs in files and folders, links not followed; what has not finished is no file yet."""
    files = []
    for place in map(pathlib.Path, places):
        if place.is_dir():
            files += in_folder(place)
        else:
            files.append(place)
    if not files:
        fail(f"no result file (.h5) in {', '.join(places)}")
    runs = [Run(file) for file in dict.fromkeys(files)]
    names = [run.name for run in runs]
    for run in runs:
        if names.count(run.name) > 1:
            run.name = "/".join(run.file.with_suffix("").parts[-2:])
    if len({run.name for run in runs}) < len(runs):
        fail("result files of the same name in folders of the same name; name fewer files")
    return runs
