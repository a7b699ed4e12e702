"""The Python that has TensorBoard or MLflow."""

import pathlib

from python_environment import PythonEnvironment, fail, note  # noqa: F401

enter = PythonEnvironment("tracking", pathlib.Path(__file__).with_name("requirements.txt"),
                          "TensorBoard and MLflow (60 MB to download)").enter
