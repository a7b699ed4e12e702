"""Files that go with a run: the report of it, and a plot of its layers."""

import pathlib
import subprocess
import sys

from tracking.environment import note
from tracking.runs import SCRIPTS, program

# matplotlib and h5py may be those of this Python or, as scripts/setup.sh installs them, Debian's.
PYTHONS = (sys.executable, "/usr/bin/python3")


def made(runs, folder, with_images):
    """{run name: files}; what can't be made is told once and left out."""
    files = {}
    told = set()
    for run in runs:
        place = pathlib.Path(folder) / run.name.replace("/", "_")
        place.mkdir(parents=True)
        files[run.name] = [file for file in (report(run, place, with_images, told),
                                             plot(run, place, told)) if file is not None]
    return files


def tell(told, what, why):
    if what not in told:
        note(f"no {what}: {why}")
    told.add(what)


def report(run, place, with_images, told):
    page = place / "report.html"
    words = [program("make_report"), str(run.file), "-o", str(page)]
    done = subprocess.run(words + ([] if with_images else ["--no-images"]), capture_output=True,
                          text=True, check=False)
    if done.returncode == 0:
        return page
    tell(told, "report", done.stderr.strip().splitlines()[-1])
    return None


def plot(run, place, told):
    if not run.table("layers"):
        return None
    why = ""
    for python in PYTHONS:
        done = subprocess.run([python, str(SCRIPTS / "plot_results.py"), "layers", str(run.file),
                               "-o", str(place / "layers")], capture_output=True, text=True,
                              check=False)
        if done.returncode == 0:
            return place / "layers.png"
        why = (done.stderr.strip().splitlines() or [""])[-1]
    tell(told, "plot of layers", why)
    return None
