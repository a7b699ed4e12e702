"""The Python that exports networks: it has PyTorch, and what the formats need."""

import pathlib

from python_environment import PythonEnvironment, fail, import_torchvision, note  # noqa: F401

enter = PythonEnvironment("export", pathlib.Path(__file__).with_name("requirements.txt"),
                          "PyTorch, timm, ONNX Runtime and more").enter
