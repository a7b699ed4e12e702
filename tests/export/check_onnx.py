#!/usr/bin/env python3
"""Compares the weights that an ONNX file makes of its codes with those of a float checkpoint.

    check_onnx.py FILE.onnx FILE.safetensors TOLERANCE     of the largest weight of a layer; 0: bits
"""
import sys

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file

FORMS = ("DequantizeLinear", "Add", "Reshape")


def weights_of(model):
    """By layer, the name of the last value that is made of its codes and constants alone."""
    constants = {tensor.name for tensor in model.graph.initializer}
    made, layers = {}, {}
    for node in model.graph.node:
        if node.op_type not in FORMS:
            continue
        if not all(name in constants or name in made for name in node.input if name):
            continue
        source = next((name for name in node.input if name.endswith(".weight_code")), None)
        layer = source.removesuffix(".weight_code") if source else next(
            (made[name] for name in node.input if name in made), None)
        if layer:
            made[node.output[0]] = layer
            layers[layer] = node.output[0]
    return layers


def main():
    file, checkpoint, tolerance = sys.argv[1], load_file(sys.argv[2]), float(sys.argv[3])
    model = onnx.load(file)
    layers = weights_of(model)
    assert len(layers) > 10, layers
    for value in layers.values():
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(value))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[-1]
    found = session.run(list(layers.values()),
                        {"images": numpy.zeros((1, 3, size, size), numpy.float32)})
    for layer, weight in zip(layers, found):
        expected = checkpoint[f"{layer}.weight"].reshape(weight.shape)
        off = numpy.abs(weight - expected).max() / numpy.abs(expected).max()
        assert off <= tolerance, (layer, off)
    print(f"{len(layers)} layers")


if __name__ == "__main__":
    main()
