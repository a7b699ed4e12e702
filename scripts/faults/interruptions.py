"""Runs that are killed and resumed, and programs that work on the same files at the same time."""

import shutil
import signal
import time

from . import jobs
from .workshop import (BAD_INPUT, DONE, DOCUMENTED, FAILURE, INTERRUPTED, USAGE, end_with, judge,
                       require, was_ended_by)

# SIGPIPE is no reason to end: only a program whose output nobody reads ends by it.
SIGNALS = [signal.SIGKILL] * 5 + [signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU, signal.SIGPIPE,
                                  signal.SIGINT, signal.SIGUSR1]


def judge_interrupted(outcome, number, lock):
    """What a program says when a signal ends it, which may have come before it could take it."""
    if outcome.code == -number and not outcome.hung:
        early = number == signal.SIGKILL or not lock.exists()
        require(early, f"was ended by signal {number} although it had begun to work")
        return
    judge(outcome, [DONE] if number == signal.SIGPIPE else [DONE, INTERRUPTED])


def kills(attempt):
    """A run is disturbed one to five times at random, resumed until it is done, and compared."""
    draw = attempt.draw
    name = draw.choice(list(jobs.JOBS))
    expected = jobs.undisturbed(attempt.workshop, name)
    result = attempt.folder / "r.h5"
    arguments = [*jobs.JOBS[name], "-o", result]
    if draw.random() < 0.3:
        arguments.append(f"resources.cache={attempt.folder / 'cache'}")
    arguments.append(f"resources.threads={draw.choice([1, 2])}")
    replaces = draw.random() < 0.25  # a finished result is computed anew meanwhile
    if replaces:
        shutil.copy(expected["file"], result)
    how = ["--restart"] if replaces else []
    for _ in range(draw.randint(1, 5)):
        number = draw.choice(SIGNALS)
        lock = attempt.folder / "r.h5.lock"
        lock.unlink(missing_ok=True)  # a killed run leaves it, and it locks nothing
        running = attempt.start("run_experiment", *arguments, *how)
        time.sleep(draw.uniform(0, 1.1 * expected["seconds"]))
        outcome = end_with(running, number)
        judge_interrupted(outcome, number, lock)
        require(result.exists() or not replaces, "the finished result is gone")
        jobs.require_whole_or_absent(result)
        how = ["--resume"]
    judge(attempt.run("run_experiment", *arguments, *how), [DONE])
    jobs.require_same(result, expected["numbers"])
    # What a kill left of a result that was being replaced is cleared away by the next run of it.
    finished = attempt.run("run_experiment", *arguments)
    judge(finished, [DONE])
    require(not jobs.leftovers(attempt.folder / "r.h5.parts"), "a temporary file stays")


def together(attempt, commands):
    """Starts programs at nearly the same time; returns how they ended."""
    running = []
    for program, *arguments in commands:
        running.append(attempt.start(program, *arguments))
        time.sleep(attempt.draw.choice([0, 0, 0.01, 0.2, 0.5]) * attempt.draw.random())
    return [program.wait() for program in running]


def same_output(attempt, expected, arguments):
    """One writes the result, the others are told who does."""
    result = attempt.folder / "r.h5"
    count = attempt.draw.randint(2, 3)
    commands = [["run_experiment", *arguments, "-o", result] for _ in range(count)]
    for outcome in together(attempt, commands):
        judge(outcome, [DONE, FAILURE, USAGE])
    judge(attempt.run("run_experiment", *arguments, "-o", result), [DONE])
    jobs.require_same(result, expected["numbers"])


def same_cache(attempt, expected, arguments):
    """All finish, with the same numbers."""
    cache = f"resources.cache={attempt.folder / 'cache'}"
    results = [attempt.folder / f"r{i}.h5" for i in range(attempt.draw.randint(2, 3))]
    for outcome in together(attempt, [["run_experiment", *arguments, cache, "-o", result]
                                      for result in results]):
        judge(outcome, [DONE])
    for result in results:
        jobs.require_same(result, expected["numbers"])


def same_journal(attempt, expected, arguments):
    """Two continue what a third was killed at."""
    result = attempt.folder / "r.h5"
    running = attempt.start("run_experiment", *arguments, "-o", result)
    time.sleep(attempt.draw.uniform(0.4, 1) * expected["seconds"])
    outcome = end_with(running, signal.SIGKILL)
    if not was_ended_by(outcome, signal.SIGKILL):
        judge(outcome, [DONE])
    hows = attempt.draw.choice([["--resume", "--resume"], ["--resume", "--restart"]])
    for outcome in together(attempt, [["run_experiment", *arguments, "-o", result, how]
                                      for how in hows]):
        judge(outcome, [DONE, FAILURE, USAGE])
    judge(attempt.run("run_experiment", *arguments, "-o", result, "--resume"), [DONE])
    jobs.require_same(result, expected["numbers"])


def readers(attempt, expected, arguments):
    """Whoever reads a result that is computed anew sees a whole one."""
    result = attempt.folder / "r.h5"
    shutil.copy(expected["file"], result)
    writer = attempt.start("run_experiment", *arguments, "-o", result, "--restart")
    while not writer.ended():
        program = attempt.draw.choice(["inspect_results", "check_results"])
        judge(attempt.run(program, result), [DONE])
    judge(writer.wait(), [DONE])
    jobs.require_same(result, expected["numbers"])


def same_sweep(attempt, expected, arguments):
    """Two run one sweep: each point is there once, and whole."""
    del expected, arguments
    sweep = attempt.file("s.yaml", f"config: {jobs.CNN}\nfolder: {attempt.folder / 's'}\n"
                         "grid: {quantization.bits: [2, 4]}\n"
                         "overrides: {calibration.images: 8, evaluation.images: 40}\n")
    for outcome in together(attempt, [["run_sweep", sweep, "local.jobs=1"]] * 2):
        judge(outcome, DOCUMENTED)
    judge(attempt.run("run_sweep", sweep, "--collect"), [DONE])
    results = list((attempt.folder / "s").rglob("*.h5"))
    require(len(results) == 2, f"{len(results)} results instead of 2")
    for result in results:
        require(jobs.is_sealed(result), f"{result.name} is not whole")


def same_export(attempt, expected, arguments):
    """The file is the one or the other's, which are the same."""
    del arguments
    output = attempt.folder / "e.safetensors"
    for outcome in together(attempt, [["export_model", expected["file"], "-o", output]] * 3):
        judge(outcome, [DONE, FAILURE, USAGE])
    alone = attempt.folder / "alone.safetensors"
    judge(attempt.run("export_model", expected["file"], "-o", alone), [DONE])
    require(output.read_bytes() == alone.read_bytes(), "the exports differ")


def races(attempt):
    """Two or three programs on one output, cache, journal, sweep or export."""
    kinds = [same_output, same_cache, same_journal, readers, same_sweep, same_export]
    kind = kinds[attempt.number % len(kinds)]
    name = attempt.draw.choice(["comq", "tuned"])
    kind(attempt, jobs.undisturbed(attempt.workshop, name), jobs.JOBS[name])


def resume_damaged(attempt, arguments, result, expected):
    """A damaged journal is continued or refused; then the run can be had anew."""
    outcome = judge(attempt.run("run_experiment", *arguments, "-o", result, "--resume"),
                    [DONE, USAGE, BAD_INPUT])
    if outcome.code != DONE:
        judge(attempt.run("run_experiment", *arguments, "-o", result, "--restart"), [DONE])
    jobs.require_same(result, expected["numbers"])


def begun_journal(workshop, name):
    """The journal of a run that was killed near its end."""
    expected = jobs.undisturbed(workshop, name)

    def make(attempt):
        result = attempt.folder / "r.h5"
        journal = jobs.journal_of(result)
        share = 0.97
        while True:
            shutil.rmtree(journal, ignore_errors=True)
            result.unlink(missing_ok=True)
            running = attempt.start("run_experiment", *jobs.JOBS[name], "-o", result)
            time.sleep(share * expected["seconds"])
            end_with(running, signal.SIGKILL)
            if len(list(journal.glob("*.safetensors"))) > 2 and not result.exists():
                return journal
            share -= 0.04
            require(share > 0.2, "no kill left a journal")

    return workshop.once(f"journal {name}", make)


def damage(files, draw):
    """Damages one to three files as disks and copies do; says how."""
    told = []
    for file in draw.sample(files, min(len(files), draw.randint(1, 3))):
        content = bytearray(file.read_bytes())
        how = draw.choice(["flip", "flip", "flip", "cut", "empty", "zeros", "append", "replace",
                           "random"])
        place = draw.randrange(max(len(content), 1))
        if how == "flip" and content:
            for _ in range(draw.randint(1, 4)):
                content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        elif how == "cut":
            del content[place:]
        elif how == "empty":
            content.clear()
        elif how == "zeros":
            length = min(4096, len(content) - place)
            content[place:place + length] = bytes(length)
        elif how == "append":
            content += draw.randbytes(draw.randint(1, 100))
        elif how == "replace":
            content = bytearray(draw.choice(files).read_bytes())
        else:
            content = bytearray(draw.randbytes(len(content)))
        file.write_bytes(content)
        told.append(f"{file.name}: {how}")
    return told


def journals(attempt):
    """Files of an interrupted run are damaged; what was damaged is computed again."""
    name = attempt.draw.choice(["comq", "tuned", "rotated", "quantized inputs"])
    expected = jobs.undisturbed(attempt.workshop, name)
    result = attempt.folder / "r.h5"
    journal = jobs.journal_of(result)
    shutil.copytree(begun_journal(attempt.workshop, name), journal)
    attempt.commands += damage(sorted(path for path in journal.iterdir() if path.is_file()),
                               attempt.draw)
    resume_damaged(attempt, jobs.JOBS[name], result, expected)


def caches(attempt):
    """Files of a cache are damaged; what was damaged is computed again."""
    name = attempt.draw.choice(["comq", "tuned", "quantized inputs"])
    expected = jobs.undisturbed(attempt.workshop, name)

    def make(making):
        cache = making.folder / "cache"
        judge(making.run("run_experiment", *jobs.JOBS[name], f"resources.cache={cache}", "-o",
                         making.folder / "r.h5"), [DONE])
        return cache

    cache = attempt.folder / "cache"
    shutil.copytree(attempt.workshop.once(f"cache {name}", make), cache)
    files = sorted(path for path in cache.rglob("*") if path.is_file())
    require(files, "the cache holds nothing")
    attempt.commands += damage(files, attempt.draw)
    result = attempt.folder / "r.h5"
    judge(attempt.run("run_experiment", *jobs.JOBS[name], f"resources.cache={cache}", "-o", result),
          [DONE])
    jobs.require_same(result, expected["numbers"])
