"""The Python that has PyTorch: the one that runs, or a virtual environment with pinned versions."""

import importlib.util
import os
import pathlib
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")
# What messages begin with.
program_name = "export_network.py"  # pylint: disable=invalid-name


def fail(message):
    sys.exit(f"{program_name}: {message}")


def note(message):
    print(f"{program_name}: note: {message}", file=sys.stderr)


def folder():
    """Of the environment: build/export in a checkout, else the user's cache."""
    checkout = REQUIREMENTS.parents[2]
    if (checkout / "CMakeLists.txt").exists():
        return checkout / "build" / "export"
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "comq" / "export"


def lacking(modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


def made():
    """The environment's Python, its packages installed; says what it does, once."""
    environment = folder()
    python = environment / "bin" / "python"
    # The packages that are installed are those of the file that lies beside them.
    installed = environment / REQUIREMENTS.name
    if installed.exists() and installed.read_text() == REQUIREMENTS.read_text():
        return python
    log = environment / "pip.log"
    print(f"{program_name}: installing PyTorch, timm, ONNX Runtime and more into {environment}, "
          f"once; {log} tells how far it is", file=sys.stderr)
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
             "Ubuntu need the package python3-venv; or have a python3 in the path that has the "
             f"packages of {REQUIREMENTS}")
    installed.write_text(REQUIREMENTS.read_text())
    return python


def enter(modules):
    """Returns in a Python that has all modules: this one, or the script starts again in another."""
    missing = lacking(modules)
    if not missing:
        return
    if pathlib.Path(sys.prefix) == folder():
        fail(f"{sys.executable} has no {', '.join(missing)}; delete {folder()} to install it again")
    python = made()
    os.execv(python, [python, *sys.argv])


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
