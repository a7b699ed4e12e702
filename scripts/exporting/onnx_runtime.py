"""ONNX Runtime on a file."""

import numpy
import onnxruntime


def run(file, batches):
    """
    The logits of its CPU build for each batch of images. By its own default it rounds the other
    factor of products with 4-bit weights to 8 bits, which is not in the file: that is switched off.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "0")
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return [numpy.ascontiguousarray(session.run(["logits"], {"images": batch})[0])
            for batch in batches]
