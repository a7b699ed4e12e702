"""Where tries are done: programs that run in folders of their own, and what counts as a fault."""

import dataclasses
import os
import pathlib
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import threading
import time

from . import fork_server

SOURCE = pathlib.Path(__file__).resolve().parents[2]

# Exit codes of every program (configs/README.md).
DONE, FAILURE, USAGE, BAD_INPUT, GATE, INTERRUPTED = 0, 1, 2, 3, 4, 75
DOCUMENTED = (DONE, FAILURE, USAGE, BAD_INPUT, GATE, INTERRUPTED)
REFUSED = (USAGE, BAD_INPUT)

HANGS_AFTER = 180  # seconds; an undisturbed run takes one, on a busy machine some

# Words of libraries and of the C++ runtime, which tell a user nothing.
UNEXPLAINED = re.compile(
    r"std::|basic_string|vector::_M|\[json\.exception|HDF5-DIAG|c10::|frame #|stoi|stod|"
    r"INTERNAL ASSERT|bad_alloc|yaml-cpp|terminate called|Assertion|filesystem error")


class Fault(Exception):
    """What went wrong in a try."""


@dataclasses.dataclass
class Outcome:
    """How a program ended."""

    command: str
    code: int  # negative: killed by that signal
    out: str
    err: str
    seconds: float
    peak_mb: float  # resident memory
    hung: bool

    def error_lines(self):
        return [line for line in self.err.split("\n") if line.startswith("error: ")]


def require(condition, what):
    if not condition:
        raise Fault(what)


def judge(outcome, codes=DOCUMENTED, peak_mb=None):
    """Raises Fault unless the program ended with one of `codes`, and an error is one clear line."""
    lines = outcome.err.strip().split("\n")
    said = f"; said: {lines[-1][:300] or '(nothing)'}"
    require(not outcome.hung, f"still ran after {HANGS_AFTER} s")
    require(outcome.code >= 0, f"was ended by signal {-outcome.code}{said}")
    require(outcome.code in codes,
            f"exit code {outcome.code} instead of {' or '.join(map(str, codes))}{said}")
    if outcome.code != DONE:
        errors = outcome.error_lines()
        require(len(errors) == 1,
                f"exit code {outcome.code} with {len(errors)} lines 'error: '{said}")
        # A config may have several problems, each with its place.
        more = lines[lines.index(errors[0]) + 1:]
        require(all(outcome.code == USAGE and ": " in line for line in more),
                f"exit code {outcome.code} with lines behind the error{said}")
        require(not UNEXPLAINED.search(errors[0]), f"words of a library{said}")
    if peak_mb is not None:
        require(outcome.peak_mb < peak_mb, f"took {outcome.peak_mb:.0f} MB{said}")
    return outcome


def flip_bits(file, draw, count, begin=0, end=None):
    """Flips `count` bits of a file between two offsets; returns their positions."""
    content = bytearray(file.read_bytes())
    end = min(len(content), end or len(content))
    places = [(draw.randrange(begin, end), draw.randrange(8)) for _ in range(count)]
    for byte, bit in places:
        content[byte] ^= 1 << bit
    file.write_bytes(content)
    return places


class Running:
    """A program that was started in the folder of a try."""

    def __init__(self, words, folder, log, options):
        self.command = shlex.join(words)
        self._hung = False
        self._files = [folder / f"{log}.out", folder / f"{log}.err"]
        out = options.pop("stdout", None) or open(self._files[0], "wb")
        err = open(self._files[1], "wb")
        self._begun = time.monotonic()
        self._process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)
        for stream in (out, err):
            stream.close()
        self.pid = self._process.pid
        self._outcome = None
        self._guard = threading.Timer(HANGS_AFTER, self._give_up)
        self._guard.start()

    def _give_up(self):
        self._hung = True
        self._process.kill()

    def signal(self, number):
        """Sends a signal to a program that hasn't been waited for."""
        os.kill(self.pid, number)

    def ended(self):
        """Whether it has ended; it stays there to be waited for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self):
        if self._outcome is not None:
            return self._outcome
        _, status, usage = os.wait4(self.pid, 0)
        self._guard.cancel()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        texts = [file.read_text(errors="replace") if file.exists() else "" for file in self._files]
        self._outcome = Outcome(self.command, self._process.returncode, *texts,
                                time.monotonic() - self._begun, usage.ru_maxrss / 1024, self._hung)
        return self._outcome


class Workshop:
    """The programs, a folder, and what tries have in common, which is made once."""

    def __init__(self, programs, folder, seed):
        self.programs = programs
        self.folder = folder
        self.seed = seed
        self.environment = dict(os.environ, COMQ_DATA=str(SOURCE))
        self._shared = {}
        self._library = fork_server.build(folder)
        self._servers = {}

    def run(self, words, folder, log):
        """Runs one of the programs to its end, loaded beforehand where that can be."""
        if self._library is None:
            return Running(words, folder, log, {"env": self.environment}).wait()
        program = words[0]
        if program not in self._servers:
            self._servers[program] = fork_server.ForkServer(self._library, program,
                                                            self.environment)
        server = self._servers[program]
        files = [folder / f"{log}.out", folder / f"{log}.err"]
        begun = time.monotonic()
        child = server.start(folder, *files, words[1:])
        hung = threading.Event()

        def give_up():
            hung.set()
            os.kill(child, signal.SIGKILL)

        guard = threading.Timer(HANGS_AFTER, give_up)
        guard.start()
        status, peak = server.wait()
        guard.cancel()
        return Outcome(shlex.join(words), os.waitstatus_to_exitcode(status),
                       *[file.read_text(errors="replace") for file in files],
                       time.monotonic() - begun, peak / 1024, hung.is_set())

    def end(self):
        for server in self._servers.values():
            server.end()

    def once(self, name, make):
        """What `make(folder)` returns, called once with a folder of its own."""
        if name not in self._shared:
            folder = self.folder / "shared" / name.replace(" ", "_")
            self._shared[name] = make(Try(self, folder, random.Random(f"{self.seed} {name}")))
        return self._shared[name]


class Try:
    """One try: a folder, random numbers of its own, the commands so far."""

    def __init__(self, workshop, folder, draw, number=0):
        self.workshop = workshop
        self.folder = folder
        self.draw = draw
        self.number = number
        self.commands = []
        self.at_end = []  # what is to be called then
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def end(self, keep):
        """Deletes the folder, unless something is to be looked at there."""
        for clear in self.at_end:
            clear()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, program, *arguments, **options):
        path = str(self.workshop.programs / program)
        words = options.pop("before", []) + [path] + [str(argument) for argument in arguments]
        limits = options.pop("limits", {})

        def prepare():
            for limit, value in limits.items():
                resource.setrlimit(limit, (value, value))

        self.commands.append(shlex.join(words))
        return Running(words, self.folder, f"log{len(self.commands)}",
                       {"env": self.workshop.environment,
                        "preexec_fn": prepare if limits else None, **options})

    def run(self, program, *arguments, **options):
        if options:
            return self.start(program, *arguments, **options).wait()
        words = [str(word) for word in (self.workshop.programs / program, *arguments)]
        self.commands.append(shlex.join(words))
        return self.workshop.run(words, self.folder, f"log{len(self.commands)}")

    def file(self, name, content=None):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def end_with(running, number):
    """Sends a signal and waits; the program may be faster."""
    if not running.ended():
        running.signal(number)
    return running.wait()


def was_ended_by(outcome, number):
    return number == signal.SIGKILL and outcome.code == -signal.SIGKILL and not outcome.hung
