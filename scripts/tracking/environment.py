"""The Python that has TensorBoard or MLflow: the one that runs, or one with pinned versions."""

import fcntl
import importlib.util
import os
import pathlib
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def fail(message):
    sys.exit(f"export_runs.py: {message}")


def note(message):
    print(f"export_runs.py: note: {message}", file=sys.stderr)


def folder():
    """Of the environment: build/tracking in a checkout, else the user's cache."""
    checkout = REQUIREMENTS.parents[2]
    if (checkout / "CMakeLists.txt").exists():
        return checkout / "build" / "tracking"
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "comq" / "tracking"


def made():
    """The environment's Python; of several scripts at a time one installs it."""
    folder().parent.mkdir(parents=True, exist_ok=True)
    with folder().with_suffix(".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return installed_python()


def installed_python():
    """The environment's Python, its packages installed; says what it does, once."""
    environment = folder()
    python = environment / "bin" / "python"
    installed = environment / REQUIREMENTS.name
    if installed.exists() and installed.read_text() == REQUIREMENTS.read_text():
        return python
    log = environment / "pip.log"
    print(f"export_runs.py: installing TensorBoard and MLflow into {environment}, once (60 MB to "
          f"download); {log} tells how far it is", file=sys.stderr)
    try:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True,
                       stdout=subprocess.DEVNULL)
        with log.open("w") as output:
            subprocess.run(
                [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "1",
                 "--progress-bar", "off", "--requirement", REQUIREMENTS],
                check=True, stdout=output, stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError:
        fail(f"no virtual environment in {environment}, see the lines above or {log}; Debian and "
             "Ubuntu need the package python3-venv; or run this script with a Python that has "
             f"the packages of {REQUIREMENTS}")
    installed.write_text(REQUIREMENTS.read_text())
    return python


def enter(modules):
    """Returns in a Python that has all modules: this one, or the script starts again in another."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if pathlib.Path(sys.prefix) == folder():
        fail(f"{sys.executable} has no {', '.join(missing)}; delete {folder()} to install it again")
    python = made()
    os.execv(python, [python, *sys.argv])
