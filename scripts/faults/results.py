"""Result files that a disk, a copy or a stranger has damaged."""

import shutil

from . import jobs
from .workshop import BAD_INPUT, DONE, SOURCE, USAGE, flip_bits, judge, require

SEAL_BYTES = 110  # of the line behind the content, "comq: SHA-256 …"


def reader(name, attempt, damaged, whole):
    """The command of a program that reads the damaged result."""
    output = attempt.folder / "out"
    return {
        "inspect_results": ["inspect_results", damaged],
        "check_results": ["check_results", damaged],
        "compare_results": ["compare_results", whole, damaged],
        "export_model": ["export_model", damaged, "-o", output, "--format", "safetensors"],
        "make_report": ["make_report", damaged, "--no-images", "-o", output],
        "make_tables": ["make_tables", SOURCE / "experiments" / "table_demo.yaml", "--results",
                        damaged.parent],
        "run_experiment": ["run_experiment", *jobs.JOBS["comq"], "-o", damaged],
    }[name]


READERS = ["inspect_results", "check_results", "compare_results", "export_model", "make_report",
           "make_tables", "run_experiment"]


def results(attempt):
    """What has a digest is refused; what another program has cut it off from is read or refused."""
    draw = attempt.draw
    whole = jobs.undisturbed(attempt.workshop, "comq")["file"]
    damaged = attempt.folder / "results" / "r.h5"
    damaged.parent.mkdir()
    shutil.copy(whole, damaged)
    size = damaged.stat().st_size
    how = draw.choice(["flip", "flip", "cut", "without digest", "without digest"])
    if how == "cut":
        # A whole line cut off is what other programs do.
        keep = draw.choice([draw.randrange(size - SEAL_BYTES), size - draw.randint(1, 60)])
        damaged.write_bytes(damaged.read_bytes()[:keep])
    elif how == "without digest":
        damaged.write_bytes(damaged.read_bytes()[:-SEAL_BYTES])
        places = flip_bits(damaged, draw, draw.randint(1, 4), 0,
                           draw.choice([4096, 65536, size - SEAL_BYTES]))
        attempt.commands.append(f"flipped {places}")
    else:
        attempt.commands.append(f"flipped {flip_bits(damaged, draw, draw.randint(1, 3))}")
    name = READERS[attempt.number % len(READERS)]
    content = damaged.read_bytes()
    refused = [BAD_INPUT, USAGE] if name == "run_experiment" else [BAD_INPUT]
    outcome = judge(attempt.run(*reader(name, attempt, damaged, whole)),
                    [DONE, *refused] if how == "without digest" else refused, peak_mb=500)
    require(damaged.read_bytes() == content, "the damaged result was changed")
    if outcome.code == BAD_INPUT and name != "make_tables":
        require(damaged.name in outcome.error_lines()[0] or "1 of 1" in outcome.error_lines()[0],
                "the error does not name the file: " + outcome.error_lines()[0])
    if name == "make_tables" and outcome.code == BAD_INPUT:
        judge(attempt.run(*reader(name, attempt, damaged, whole), "--skip-unreadable"), [DONE])
