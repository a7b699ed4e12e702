#!/usr/bin/env python3
"""Weights that nodes make of codes are scale · (code + zero point) in ONNX Runtime.

For every width, one scale a layer, a channel or a group of inputs, whole and real zero points, and
the orders in which programs lay out the weight of a layer.
"""
import itertools
import pathlib
import sys

import numpy
import onnx
import onnx_ir as ir
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from exporting.onnx_weights import (  # noqa: E402
    GraphEditor, Grid, container_bits, dequantized, opset_for)

OUTPUTS = 6
# The sizes of a weight [out, in, …] by the order of its axes in memory.
LAYOUTS = {(0, 1): [OUTPUTS, 32], (1, 0): [OUTPUTS, 32], (0, 1, 2, 3): [OUTPUTS, 8, 2, 2]}
TYPES = {2: onnx.TensorProto.UINT2, 4: onnx.TensorProto.UINT4, 8: onnx.TensorProto.UINT8}


def made(layer, codes, grid, order):
    """A model whose output is the weight, multiplied by an input that is 1."""
    one = ir.Value(name="one", shape=ir.Shape(()), type=ir.TensorType(ir.DataType.FLOAT))
    graph = ir.Graph([one], [], nodes=[], name="weight",
                     opset_imports={"": opset_for(layer["bits"])})
    stand_in = ir.Value(name="weight", const_value=ir.Tensor(numpy.float32(0), name="weight"))
    graph.register_initializer(stand_in)
    product = ir.node("Mul", [one, stand_in])
    graph.append(product)
    weight = dequantized(GraphEditor(graph), product, layer, codes, grid, list(order))
    product.replace_input_with(1, weight)
    del graph.initializers["weight"]
    output = product.outputs[0]
    output.name, output.type = "scaled", ir.TensorType(ir.DataType.FLOAT)
    output.shape = ir.Shape([layer["sizes"][axis] for axis in order])
    graph.outputs.append(output)
    model = ir.to_proto(ir.Model(graph, ir_version=13 if layer["bits"] <= 2 else 10))
    onnx.checker.check_model(model, full_check=True)
    return model


def check(bits, groups, whole, order):
    case = f"{bits} bits, {groups} groups, {'whole' if whole else 'real'}, {order}"
    random = numpy.random.default_rng(bits)
    sizes = LAYOUTS[order]
    inputs = int(numpy.prod(sizes[1:]))
    codes = random.integers(0, 2 ** bits, (OUTPUTS, inputs), dtype=numpy.uint8)
    shape = (1, 1) if groups == 0 else (OUTPUTS, groups)
    scale = random.uniform(0.01, 0.1, shape).astype(numpy.float32)
    zero_point = -random.uniform(0, 2 ** bits - 1, shape).astype(numpy.float32)
    if whole:
        zero_point = numpy.rint(zero_point)
    if groups == 0:  # as a result has it: the layer's once a channel
        scale, zero_point = (numpy.repeat(values, OUTPUTS, 0) for values in (scale, zero_point))
    layer = {"name": "layer", "bits": bits, "sizes": sizes, "out_features": OUTPUTS,
             "in_features": inputs}
    grid = Grid(scale, zero_point, 2 ** bits - 1)
    assert grid.whole() == whole, case
    model = made(layer, codes, grid, order)

    stored = {tensor.name: tensor for tensor in model.graph.initializer}["layer.weight_code"]
    assert stored.data_type == TYPES[container_bits(bits)], case
    assert len(stored.raw_data) == codes.size * container_bits(bits) // 8, case
    # Real ones are one sum more, of a number for each channel or group.
    assert [node.op_type for node in model.graph.node].count("Add") == (0 if whole else 1), case

    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    found = session.run(None, {"one": numpy.ones((), numpy.float32)})[0]
    per_input = [numpy.repeat(values, inputs // values.shape[1], axis=1)
                 for values in (scale, zero_point)]
    expected = (per_input[0] * (codes + per_input[1])).reshape(sizes).transpose(order)
    off = numpy.abs(found - expected).max()
    assert off <= (0 if whole else 1e-6 * numpy.abs(expected).max()), (case, off)


def main():
    cases = [case for case in itertools.product(range(2, 9), (0, 1, 4), (True, False), LAYOUTS)]
    for case in cases:
        check(*case)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
