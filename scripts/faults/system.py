"""Disks that are full and system calls that fail."""

import errno
import os
import re
import resource
import shutil
import subprocess

from . import jobs
from .interruptions import begun_journal
from .workshop import DOCUMENTED, DONE, FAILURE, INTERRUPTED, SOURCE, Fault, judge, require


class SmallDisk:
    """A folder that holds so many bytes: a tmpfs for root, else a limit on the size of files."""

    def __init__(self, attempt, kilobytes):
        self.folder = attempt.folder / "disk"
        self.folder.mkdir()
        self.limits = {}
        self._mounted = os.geteuid() == 0 and self._mount(f"size={kilobytes}k")
        if self._mounted:
            attempt.at_end.append(lambda: subprocess.run(["umount", self.folder], check=False))
        else:
            self.limits = {resource.RLIMIT_FSIZE: kilobytes * 1024}

    def _mount(self, options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder],
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def make_room(self):
        self.limits = {}
        if self._mounted:
            self._mount("remount,size=256m")


def full_run(attempt, disk, name):
    """A run stops with what it has finished, and goes on where there is room."""
    result = disk.folder / "r.h5"
    arguments = [*jobs.JOBS[name], "-o", result]
    judge(attempt.run("run_experiment", *arguments, limits=disk.limits),
          [DONE, FAILURE, INTERRUPTED])
    jobs.require_whole_or_absent(result)
    disk.make_room()
    judge(attempt.run("run_experiment", *arguments, "--resume"), [DONE])
    jobs.require_same(result, jobs.undisturbed(attempt.workshop, name)["numbers"])


def full_restart(attempt, disk, name):
    """A finished result stays until the next one is whole."""
    expected = jobs.undisturbed(attempt.workshop, name)
    result = disk.folder / "r.h5"
    try:
        shutil.copy(expected["file"], result)
    except OSError:
        disk.make_room()
        shutil.copy(expected["file"], result)
    judge(attempt.run("run_experiment", *jobs.JOBS[name], "-o", result, "--restart",
                      limits=disk.limits), [DONE, FAILURE, INTERRUPTED])
    jobs.require_same(result, expected["numbers"], "the finished result")


def full_cache(attempt, disk, name):
    """A cache that can't be written to costs time alone."""
    result = attempt.folder / "r.h5"
    codes = [DONE, INTERRUPTED] if disk.limits else [DONE]
    outcome = judge(attempt.run("run_experiment", *jobs.JOBS[name], "-o", result,
                                f"resources.cache={disk.folder}", limits=disk.limits), codes)
    if outcome.code == DONE:
        jobs.require_same(result, jobs.undisturbed(attempt.workshop, name)["numbers"])


def full_output(program, arguments, output):
    """A case: a program whose output is on the disk, where what was there before stays."""
    def case(attempt, disk, name):
        expected = jobs.undisturbed(attempt.workshop, name)
        words = [str(word).replace("RESULT", str(expected["file"])) for word in arguments]
        whole = attempt.folder / output
        judge(attempt.run(program, *words, "-o", whole), [DONE])
        target = disk.folder / output
        if attempt.draw.random() < 0.5:
            try:
                shutil.copy2(whole, target)
            except OSError:
                target.unlink(missing_ok=True)
        before = target.read_bytes() if target.exists() else None
        outcome = judge(attempt.run(program, *words, "-o", target, limits=disk.limits),
                        [DONE, FAILURE, INTERRUPTED])
        if outcome.code == DONE:
            require(target.stat().st_size > 0, "the output is empty")
        else:
            after = target.read_bytes() if target.exists() else None
            require(after == before, "the output is half written")
        require(not jobs.leftovers(disk.folder), "a temporary file stays")

    return case


def full_standard_output(program, *arguments):
    """A case: what is printed can't be written."""
    def case(attempt, disk, name):
        del disk
        expected = jobs.undisturbed(attempt.workshop, name)
        words = [str(word).replace("RESULT", str(expected["file"])) for word in arguments]
        judge(attempt.run(program, *words, stdout=open("/dev/full", "wb")), [FAILURE])

    return case


def full_sweep(attempt, disk, name):
    """Points that fail for want of space are run once there is some."""
    del name
    sweep = attempt.file("s.yaml", f"config: {jobs.CNN}\nfolder: {disk.folder / 's'}\n"
                         "grid: {quantization.bits: [2, 4]}\n"
                         "overrides: {calibration.images: 8, evaluation.images: 40}\n")
    judge(attempt.run("run_sweep", sweep, "local.jobs=1", limits=disk.limits), DOCUMENTED)
    for result in disk.folder.rglob("*.h5"):
        jobs.require_whole_or_absent(result)
    disk.make_room()
    judge(attempt.run("run_sweep", sweep, "local.jobs=1"), [DONE])
    judge(attempt.run("run_sweep", sweep, "--collect"), [DONE])
    require(len(list(disk.folder.rglob("*.h5"))) == 2, "a point is missing")


TABLE = SOURCE / "experiments" / "table_demo.yaml"
DISKS = [
    full_run, full_restart, full_cache, full_sweep,
    full_output("export_model", ["RESULT"], "e.safetensors"),
    full_output("make_report", ["RESULT", "--no-images"], "page.html"),
    full_output("inspect_results", ["RESULT", "--json"], "r.json"),
    full_output("compare_results", ["RESULT", "RESULT"], "c.txt"),
    full_output("check_results", ["RESULT"], "c.txt"),
    full_output("train_demo", ["demo_cnn", "--images", "32"], "w.safetensors"),
    full_standard_output("inspect_results", "RESULT", "--csv"),
    full_standard_output("compare_results", "RESULT", "RESULT"),
    full_standard_output("run_experiment", jobs.CNN, "--print-config"),
    full_standard_output("make_tables", TABLE, "--results", "."),
]


def disks(attempt):
    """Every program that writes, on a disk with room for a part of it."""
    case = DISKS[attempt.number % len(DISKS)]
    name = attempt.draw.choice(["comq", "tuned"])
    size = jobs.undisturbed(attempt.workshop, name)["file"].stat().st_size
    largest = size if case in (full_run, full_restart, full_sweep) else size // 4
    case(attempt, SmallDisk(attempt, max(4, int(attempt.draw.uniform(0, largest)) // 1024)), name)


CALLS = {
    "openat": ["EACCES", "EIO", "EMFILE", "EINTR", "ENOSPC"], "read": ["EIO", "EINTR"],
    "pread64": ["EIO", "EINTR"], "write": ["ENOSPC", "EIO", "EINTR", "EDQUOT", "EFBIG"],
    "pwrite64": ["ENOSPC", "EIO", "EINTR"], "fsync": ["EIO", "ENOSPC", "EINTR"],
    "rename": ["EIO", "ENOSPC", "EACCES"], "mmap": ["ENOMEM", "EACCES", "ENODEV"],
    "ftruncate": ["EIO", "ENOSPC"], "close": ["EIO"], "flock": ["ENOLCK", "EINTR"],
    "newfstatat": ["EIO", "EACCES"], "lseek": ["EIO"], "unlink": ["EACCES", "EIO"],
    "mkdir": ["ENOSPC", "EACCES"], "getdents64": ["EIO"],
}


def traced_calls(attempt, program, arguments):
    """(call, how many of its name came before in that thread) of calls on files of the try."""
    log = attempt.folder / "calls.txt"
    trace = ["strace", "-f", "-qq", "-y", "--seccomp-bpf", "-o", log, "-e",
             "trace=" + ",".join(CALLS)]
    judge(attempt.run(program, *arguments, before=[str(word) for word in trace]), [DONE])
    counts, found = {}, {}
    ours = (str(attempt.folder), str(SOURCE / "configs"), str(SOURCE / "datasets"))
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if not match:
            continue
        counts[match.groups()] = counts.get(match.groups(), 0) + 1
        if any(path in line for path in ours):
            found.setdefault(match[2], []).append(counts[match.groups()])
    require(found, "strace has seen no call")
    return found


def prepare_call_case(attempt, case):
    """The program and arguments of a case, in the folder of this try."""
    result = attempt.folder / "r.h5"
    finished = jobs.undisturbed(attempt.workshop, "comq")["file"]
    if case == "resumed":
        shutil.copytree(begun_journal(attempt.workshop, "comq"), jobs.journal_of(result))
        return "run_experiment", [*jobs.JOBS["comq"], "-o", result, "--resume"]
    if case == "cached":
        cache = f"resources.cache={attempt.folder / 'cache'}"
        return "run_experiment", [*jobs.JOBS["comq"], "-o", result, cache]
    if case == "run":
        return "run_experiment", [*jobs.JOBS["comq"], "-o", result]
    copy = shutil.copy(finished, attempt.folder / "finished.h5")
    if case == "export":
        return "export_model", [copy, "-o", attempt.folder / "e.safetensors"]
    if case == "report":
        return "make_report", [copy, "--no-images", "-o", attempt.folder / "page.html"]
    return case, [copy]


def run_with_failing_call(attempt, program, arguments, found):
    """Fails a call of each thread. Where that of the first thread is the loader's, which ends the
    program before it begins, another call is drawn."""
    while True:
        call = attempt.draw.choice(sorted(found))
        when = attempt.draw.choice(found[call])
        error = attempt.draw.choice(CALLS[call])
        assert hasattr(errno, error)
        inject = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={call}",
                  "-e", f"inject={call}:error={error}:when={when}"]
        outcome = attempt.run(program, *arguments, before=inject)
        if outcome.code != 127 or "error while loading shared libraries" not in outcome.err:
            return outcome


def calls(attempt):
    """One system call on a file fails; a run can be had whole afterwards."""
    if shutil.which("strace") is None:
        raise Fault("there is no strace (install it)")
    case = ["run", "resumed", "cached", "export", "report", "inspect_results",
            "check_results"][attempt.number % 7]

    def trace(making):
        program, arguments = prepare_call_case(making, case)
        found = traced_calls(making, program, arguments)
        return found, making.run(program, *arguments).out

    found, printed = attempt.workshop.once(f"calls of {case}", trace)
    program, arguments = prepare_call_case(attempt, case)
    outcome = run_with_failing_call(attempt, program, arguments, found)
    judge(outcome, DOCUMENTED)
    for file in attempt.folder.glob("r.h5"):
        jobs.require_whole_or_absent(file)
    if program in ("inspect_results", "check_results"):
        same = outcome.out.replace(str(attempt.folder), "") == re.sub(
            r"/\S*/shared/calls_of_\w+", "", printed)
        require(outcome.code != DONE or same, "prints something else than undisturbed")
        return
    if program == "run_experiment":
        if outcome.code != DONE:
            how = [] if "--resume" in arguments else ["--resume"]
            judge(attempt.run(program, *arguments, *how), [DONE])
        jobs.require_same(attempt.folder / "r.h5",
                          jobs.undisturbed(attempt.workshop, "comq")["numbers"])
    elif outcome.code != DONE:
        judge(attempt.run(program, *arguments), [DONE])
