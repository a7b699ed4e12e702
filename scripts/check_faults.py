#!/usr/bin/env python3
"""Does to the programs what disks, schedulers and strangers do: kills them at random moments, fills
disks, fails system calls, damages and forges what they read. A finished result may never be lost or
half written, a resumed run has the bits of an undisturbed one, nothing runs code out of a file, and
whatever is refused is refused with a documented exit code and one clear line.

  scripts/check_faults.py                          # a round of all kinds
  scripts/check_faults.py --minutes 5 kills flips
  scripts/check_faults.py --seed 7 kills:31        # one try again

Prints what each kind came to, and how to repeat a try that failed; ends with 1 when one did."""

import argparse
import dataclasses
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import typing

from python_environment import enter_system_python

enter_system_python(["h5py", "numpy"], "python3-h5py")

from faults import (checkpoints, forgeries, inputs, interruptions, results,  # noqa: E402
                    sizes, system)
from faults.workshop import SOURCE, Fault, Try, Workshop  # noqa: E402


@dataclasses.dataclass
class Kind:
    """A kind of tries: how many make a round."""

    name: str
    what: str
    tries: int
    make: typing.Callable


KINDS = [
    Kind("kills", "runs killed one to five times and resumed", 61, interruptions.kills),
    Kind("races", "programs at the same files", 20, interruptions.races),
    Kind("journals", "damaged journals", 42, interruptions.journals),
    Kind("caches", "damaged caches", 26, interruptions.caches),
    Kind("disks", "full disks and limits on file sizes", 33, system.disks),
    Kind("calls", "failed system calls", 147, system.calls),
    Kind("flips", "checkpoints with flipped bits", 264, checkpoints.flips),
    Kind("checkpoints", "hostile checkpoints", 200, forgeries.checkpoints),
    Kind("configs", "mutated configs, sweeps and tables", 1130, inputs.configs),
    Kind("numerics", "degenerate weights and images", 189, inputs.numerics),
    Kind("results", "damaged result files", 119, results.results),
    Kind("refusals", "files that claim huge sizes", 48, sizes.refusals),
]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="kinds:\n" + "\n".join(f"  {kind.name:<12} {kind.what} ({kind.tries})"
                                      for kind in KINDS))
    parser.add_argument("kinds", nargs="*", metavar="KIND[:NUMBER]", help="default: all kinds")
    parser.add_argument("--minutes", type=float, default=90, metavar="N",
                        help="ends after that time, with as many tries of each kind as fit "
                        "(default: %(default)s)")
    parser.add_argument("--programs", type=pathlib.Path, metavar="DIR",
                        default=SOURCE / "build" / "release" / "bin",
                        help="folder of the programs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000),
                        help="of all random choices but the moments of kills (default: random)")
    parser.add_argument("--keep", action="store_true", help="keep the folders of tries that failed")
    return parser.parse_args()


def wanted(words):
    """The tries of a round: (kind, number), kinds in turn so that all get their share of time."""
    tries = []
    for word in words or [kind.name for kind in KINDS]:
        name, _, number = word.partition(":")
        kind = next((kind for kind in KINDS if kind.name == name), None)
        if kind is None:
            sys.exit(f"check_faults.py: there is no kind '{name}' (one of "
                     f"{', '.join(kind.name for kind in KINDS)})")
        numbers = [int(number)] if number else range(kind.tries)
        tries += [((n + 0.5) / kind.tries, kind, n) for n in numbers]
    return [(kind, number) for _, kind, number in sorted(tries, key=lambda entry: entry[0])]


def try_once(workshop, kind, number, keep):
    """None, or what went wrong."""
    folder = workshop.folder / kind.name / str(number)
    attempt = Try(workshop, folder, random.Random(f"{workshop.seed} {kind.name} {number}"), number)
    problem = None
    try:
        kind.make(attempt)
    except Fault as fault:
        problem = "\n    ".join([str(fault), *attempt.commands[-4:],
                                 f"again: scripts/check_faults.py --seed {workshop.seed} "
                                 f"{kind.name}:{number}"])
    finally:
        attempt.end(keep and problem is not None)
    return problem


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the counts so far
    tries = wanted(given.kinds)
    end = time.monotonic() + 60 * given.minutes
    folder = pathlib.Path(tempfile.mkdtemp(prefix="comq_faults."))
    workshop = Workshop(given.programs.resolve(), folder, given.seed)
    print(f"seed {given.seed}, programs {workshop.programs}, folder {folder}", flush=True)
    done = {kind.name: 0 for kind, _ in tries}
    failed = dict.fromkeys(done, 0)
    try:
        for kind, number in tries:
            if time.monotonic() > end:
                break
            problem = try_once(workshop, kind, number, given.keep)
            done[kind.name] += 1
            if problem:
                failed[kind.name] += 1
                print(f"failed: {kind.name}:{number}: {problem}", flush=True)
    finally:
        workshop.end()
        for kind in KINDS:
            if kind.name in done:
                print(f"{kind.name:<12} {done[kind.name]:>5} tries, {failed[kind.name]} failed: "
                      f"{kind.what}")
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if any(failed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
