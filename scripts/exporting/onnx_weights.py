"""Weights of an ONNX graph as packed integers, which the graph makes floats of."""

import math

import numpy
import onnx_ir as ir


def container_bits(bits):
    """Of the narrowest type of ONNX that holds codes of so many bits."""
    return next(width for width in (2, 4, 8) if width >= bits)


def opset_for(bits):
    """The first whose operators for quantization know that type."""
    return {2: 25, 4: 21, 8: 21}[container_bits(bits)]


def packed(values, bits, name):
    """A constant of UINT2, UINT4 or UINT8."""
    width = container_bits(bits)
    dtype = {2: ir.DataType.UINT2, 4: ir.DataType.UINT4, 8: ir.DataType.UINT8}[width]
    flat = values.reshape(-1).astype(numpy.uint8)
    count = 8 // width
    flat = numpy.pad(flat, (0, -len(flat) % count)).reshape(-1, count)
    content = numpy.zeros(len(flat), numpy.uint8)
    for place in range(count):
        content |= flat[:, place] << (width * place)
    if width == 8:
        return ir.Tensor(content[:values.size].reshape(values.shape), name=name)
    return ir.PackedTensor(content, dtype, shape=ir.Shape(values.shape), name=name)


class Grid:
    """
    Scales and zero points [out, groups] of codes as the operators take them: whole zero points that
    the codes' type holds, and what is left of each, 0 where the zero point itself was one.
    W = scale · (code − zero + rest).
    """

    def __init__(self, scale, zero_point, top_code):
        self.scale = scale.astype(numpy.float32)
        self.zero = numpy.clip(numpy.rint(-zero_point), 0, top_code).astype(numpy.uint8)
        self.rest = (zero_point + self.zero).astype(numpy.float32)

    def whole(self):
        return not self.rest.any()

    def shared(self):
        """Whether one scale and zero point serve the whole layer."""
        first = (self.scale.flat[0], self.zero.flat[0], self.rest.flat[0])
        return all((values == one).all()
                   for values, one in zip((self.scale, self.zero, self.rest), first))


class GraphEditor:
    """Adds constants and nodes to a graph before what uses them."""

    def __init__(self, graph):
        self.graph = graph

    def constant(self, name, tensor):
        if isinstance(tensor, numpy.ndarray):
            tensor = ir.Tensor(tensor, name=name)
        value = ir.Value(name=name, shape=tensor.shape, type=ir.TensorType(tensor.dtype),
                         const_value=tensor)
        self.graph.register_initializer(value)
        return value

    def node(self, before, operator, inputs, name, domain="", **attributes):
        """The output of a new node, which is called `name`."""
        node = ir.node(operator, inputs, attributes=attributes or None, domain=domain, name=name)
        node.outputs[0].name = name
        self.graph.insert_before(before, node)
        return node.outputs[0]


def dequantized(editor, before, layer, codes, grid, order):
    """
    The weight of a layer from its codes, its axes [out, in, …] in `order`. Codes are laid out so
    themselves: ONNX Runtime moves a Transpose from what they are dequantized to onto them, and does
    not know how for 2 bits. Where scales belong to groups of inputs the codes are a matrix, as
    blocks lie along one axis.
    """
    name, sizes = layer["name"], layer["sizes"]
    if grid.scale.shape[1] > 1:
        return dequantized_by_group(editor, before, layer, codes, grid, order)
    # Where channels belong to groups, with an axis of their own, codes are a matrix.
    as_matrix = sizes[0] != layer["out_features"]
    if as_matrix:
        outer, order, sizes = order, [0, 1], [layer["out_features"], layer["in_features"]]
    scale, zero, rest = (values[:, 0] for values in (grid.scale, grid.zero, grid.rest))
    attributes = {"axis": order.index(0)}
    if grid.shared():
        scale, zero, rest = (values[:1].reshape(()) for values in (scale, zero, rest))
        attributes = {}
    content = codes.reshape(sizes).transpose(order)
    weight = editor.node(before, "DequantizeLinear",
                         code_inputs(editor, layer, content, scale, zero),
                         f"{name}.weight_dequantized", **attributes)
    if not grid.whole():
        # Of each channel once: broadcast over what belongs to it. (The product of two arrays without
        # axes is a number, no array.)
        offset = numpy.asarray(scale * rest)
        if offset.ndim:
            offset = offset.reshape([-1 if axis == 0 else 1 for axis in order])
        offset = editor.constant(f"{name}.weight_offset", offset.astype(numpy.float32))
        weight = editor.node(before, "Add", [weight, offset], f"{name}.weight_shifted")
    if as_matrix:
        weight = laid_out(editor, before, layer, weight, outer)
    return weight


def laid_out(editor, before, layer, weight, order):
    """What was a matrix [out, in], with the axes of the weight in `order`."""
    name = layer["name"]
    whole = editor.constant(f"{name}.weight_shape", numpy.array(layer["sizes"], numpy.int64))
    weight = editor.node(before, "Reshape", [weight, whole], f"{name}.weight_whole")
    if list(order) != sorted(order):
        weight = editor.node(before, "Transpose", [weight], f"{name}.weight_transposed", perm=order)
    return weight


def code_inputs(editor, layer, codes, scale, zero):
    """Of DequantizeLinear."""
    name, bits = layer["name"], layer["bits"]
    inputs = [editor.constant(f"{name}.weight_code", packed(codes, bits, f"{name}.weight_code")),
              editor.constant(f"{name}.weight_scale", numpy.ascontiguousarray(scale))]
    if zero.any():
        inputs.append(editor.constant(f"{name}.weight_zero_point",
                                      packed(zero, bits, f"{name}.weight_zero_point")))
    return inputs


def dequantized_by_group(editor, before, layer, codes, grid, order):
    name, sizes = layer["name"], layer["sizes"]
    outputs, inputs, groups = layer["out_features"], layer["in_features"], grid.scale.shape[1]
    turned = list(order) == [1, 0]
    content = codes.reshape(outputs, inputs)
    scale, zero, rest = grid.scale, grid.zero, grid.rest
    if turned:
        content, scale, zero, rest = content.T, scale.T, zero.T, rest.T
    weight = editor.node(before, "DequantizeLinear",
                         code_inputs(editor, layer, content, scale, zero),
                         f"{name}.weight_dequantized", axis=0 if turned else 1,
                         block_size=inputs // groups)
    shape = [inputs, outputs] if turned else [outputs, inputs]
    if not grid.whole():
        # Of each group once: broadcast over the inputs that belong to it.
        by_group = [groups, -1, outputs] if turned else [outputs, groups, -1]
        split = editor.constant(f"{name}.weight_groups", numpy.array(by_group, numpy.int64))
        weight = editor.node(before, "Reshape", [weight, split], f"{name}.weight_by_group")
        offset = (scale * rest)[:, None] if turned else (scale * rest)[:, :, None]
        offset = editor.constant(f"{name}.weight_offset", offset.astype(numpy.float32))
        weight = editor.node(before, "Add", [weight, offset], f"{name}.weight_shifted")
    if len(sizes) != 2:
        return laid_out(editor, before, layer, weight, order)
    if not grid.whole():
        whole = editor.constant(f"{name}.weight_shape", numpy.array(shape, numpy.int64))
        weight = editor.node(before, "Reshape", [weight, whole], f"{name}.weight_whole")
    return weight


def as_parameter(editor, before, layer, weight):
    """The parameter of the program, which the layer uses a reshaped view of."""
    name = layer["name"]
    if reshaped(layer):
        shape = editor.constant(f"{name}.parameter_shape", numpy.array(layer["shape"], numpy.int64))
        weight = editor.node(before, "Reshape", [weight, shape], f"{name}.weight_parameter")
    return weight


def reshaped(layer):
    return [layer["sizes"][axis] for axis in layer["order"]] != layer["shape"]


def stored_bytes(layer, grid):
    """Of codes, scales and zero points, packed as in the file."""
    width = container_bits(layer["bits"])
    shared = grid.scale.shape[1] == 1 and grid.shared()
    numbers = 1 if shared else grid.scale.size
    each = 4 + (width / 8 if grid.zero.any() else 0) + (0 if grid.whole() else 4)
    return math.ceil(layer["out_features"] * layer["in_features"] * width / 8 + numbers * each)
