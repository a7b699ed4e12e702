"""The Python that exports networks: it has PyTorch, and what the formats need."""

import pathlib
import sys

from python_environment import PythonEnvironment, fail, note  # noqa: F401

enter = PythonEnvironment("export", pathlib.Path(__file__).with_name("requirements.txt"),
                          "PyTorch, timm, ONNX Runtime and more").enter


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
