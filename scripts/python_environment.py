"""The Python that has a script's libraries: the one that runs, or an environment of pinned versions."""

import fcntl
import importlib.util
import os
import pathlib
import subprocess
import sys

# What messages begin with; scripts that another program starts take its name.
program_name = pathlib.Path(sys.argv[0]).name  # pylint: disable=invalid-name


def fail(message):
    sys.exit(f"{program_name}: {message}")


def note(message):
    print(f"{program_name}: note: {message}", file=sys.stderr)


def lacking(modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


def enter_system_python(modules, packages):
    """Returns in a Python that has all modules: this one, or the script starts again in the one that
    scripts/setup.sh installs Debian's `packages` for."""
    missing = lacking(modules)
    if not missing:
        return
    system = "/usr/bin/python3"
    imports = subprocess.run([system, "-c", f"import {', '.join(modules)}"], check=False,
                             capture_output=True) if os.access(system, os.X_OK) else None
    if imports is None or imports.returncode != 0:
        fail(f"neither {sys.executable} nor {system} has {' and '.join(missing)}; install {packages} "
             "(Debian and Ubuntu), or have a python3 in the path that does")
    os.execv(system, [system, *sys.argv])


class PythonEnvironment:
    """A virtual environment with the packages of a `requirements` file; `contents` names them."""

    def __init__(self, name, requirements, contents):
        self.name = name
        self.requirements = pathlib.Path(requirements)
        self.contents = contents

    def folder(self):
        """build/NAME in a checkout, else in the user's cache."""
        checkout = self.requirements.parents[2]
        if (checkout / "CMakeLists.txt").exists():
            return checkout / "build" / self.name
        cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        return pathlib.Path(cache) / "comq" / self.name

    def made(self):
        """The environment's Python; of several scripts at a time one installs it."""
        self.folder().parent.mkdir(parents=True, exist_ok=True)
        with self.folder().with_suffix(".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._installed_python()

    def enter(self, modules):
        """Returns in a Python that has all modules: this one, or the script starts again there."""
        missing = lacking(modules)
        if not missing:
            return
        if pathlib.Path(sys.prefix) == self.folder():
            fail(f"{sys.executable} has no {', '.join(missing)}; delete {self.folder()} to install "
                 "it again")
        python = self.made()
        os.execv(python, [python, *sys.argv])

    def _installed_python(self):
        """Says what it does, once."""
        environment = self.folder()
        python = environment / "bin" / "python"
        # The packages that are installed are those of the file that lies beside them.
        installed = environment / self.requirements.name
        if installed.exists() and installed.read_text() == self.requirements.read_text():
            return python
        log = environment / "pip.log"
        print(f"{program_name}: installing {self.contents} into {environment}, once; {log} tells "
              "how far it is", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", environment], check=True,
                           stdout=subprocess.DEVNULL)
            with log.open("w") as output:
                subprocess.run(
                    [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries",
                     "1", "--progress-bar", "off", "--requirement", self.requirements],
                    check=True, stdout=output, stderr=subprocess.STDOUT)
        except subprocess.CalledProcessError:
            fail(f"no virtual environment in {environment}, see the lines above or {log}; Debian "
                 "and Ubuntu need the package python3-venv; or have a python3 in the path that has "
                 f"the packages of {self.requirements}")
        installed.write_text(self.requirements.read_text())
        return python


def import_torchvision():
    """
    The module torchvision. Its wheels have operators of their own, which are not there beside
    another build of PyTorch (that of PyPI beside PyTorch's own for the CPU); the import declares
    more about two of them, and a classifier needs none.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        import torch

        torch.library.define("torchvision::nms",
                             "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torch.library.define("torchvision::qnms",
                             "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision
    return torchvision
