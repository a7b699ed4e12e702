#!/usr/bin/env python3
"""Compares inputs rounded by the nodes of an export, in ONNX Runtime, with those that comq rounded.

    check_rounding.py FILE.safetensors     of each case: NAME.values, .rounded, .scale, .lowest
"""
import pathlib
import sys

import numpy
import onnx
import onnx_ir as ir
import onnxruntime
from safetensors.numpy import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from exporting.onnx_products import round_input  # noqa: E402
from exporting.onnx_weights import GraphEditor, opset_for  # noqa: E402


def rounding_model(values, rounding):
    """A product whose first factor is rounded, as an export has it; its output is that factor."""
    of_convolution = values.ndim == 4
    channels = values.shape[1 if of_convolution else -1]
    shape = (1, channels, 1, 1) if of_convolution else (channels, 1)
    factor = ir.Value(name="values", shape=ir.Shape(values.shape),
                      type=ir.TensorType(ir.DataType.FLOAT))
    graph = ir.Graph([factor], [], nodes=[], name="rounding",
                     opset_imports={"": opset_for(rounding["bits"])})
    weight = ir.Value(name="weight", const_value=ir.Tensor(numpy.ones(shape, numpy.float32),
                                                           name="weight"))
    graph.register_initializer(weight)
    product = ir.node("Conv" if of_convolution else "MatMul", [factor, weight])
    graph.append(product)
    round_input(GraphEditor(graph), product, 0, rounding)
    rounded = product.inputs[0]
    rounded.type, rounded.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(values.shape)
    graph.outputs.append(rounded)
    return ir.to_proto(ir.Model(graph, ir_version=13 if rounding["bits"] <= 2 else 10))


def main():
    tensors = load_file(sys.argv[1])
    cases = sorted({name.rsplit(".", 1)[0] for name in tensors})
    assert cases
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for case in cases:
        values, expected = tensors[f"{case}.values"], tensors[f"{case}.rounded"]
        bits = int(case.split("-")[0])
        rounding = {"layer": "layer", "bits": bits, "scale": tensors[f"{case}.scale"].ravel(),
                    "lowest": tensors[f"{case}.lowest"].ravel()}
        model = rounding_model(values, rounding)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        found = session.run(None, {"values": values})[0]
        off = found != expected
        assert not off.any(), (case, values[off][:5], found[off][:5], expected[off][:5])
        assert len(numpy.unique(found / rounding["scale"].max())) > 2, case
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
