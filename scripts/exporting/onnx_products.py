"""Where an ONNX graph multiplies by a weight, and what it is made to do there instead."""

import numpy
import onnx_ir as ir

from .onnx_weights import container_bits, opset_for, packed

PRODUCTS = ("MatMul", "Gemm", "Conv", "Einsum")
# What lays a weight out anew on its way there.
LAYOUTS = ("Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten", "Expand")


def products_of(weight):
    """The nodes that multiply by the value, each with the place of the other factor."""
    found = []
    for node, place in weight.uses():
        if node.op_type in PRODUCTS and place < 2:
            found.append((node, 1 - place))
        elif node.op_type in LAYOUTS and place == 0:
            found.extend(products_of(node.outputs[0]))
    return found


def round_input(editor, node, place, rounding):
    """
    Rounds what a layer multiplies to the levels scale · k, k from lowest on: a pair of
    QuantizeLinear and DequantizeLinear, behind a Clip where the type has more levels than that.
    """
    name, bits = f"{rounding['layer']}.input", rounding["bits"]
    scale = numpy.array(rounding["scale"], numpy.float32)
    lowest = numpy.array(rounding["lowest"], numpy.float32)
    value = node.inputs[place]
    attributes = {}
    if scale.size == 1:
        scale, lowest = scale.reshape(()), lowest.reshape(())
    else:
        attributes = {"axis": -1 if node.op_type != "Conv" else 1}
    if bits < container_bits(bits):
        wide = [-1] + [1] * (2 if node.op_type == "Conv" else 0)
        for operator, bound in (("Max", lowest), ("Min", lowest + 2 ** bits - 1)):
            # The product of two arrays without axes is a number, no array.
            limits = numpy.asarray(scale * bound).reshape(wide if scale.ndim else ())
            limit = editor.constant(f"{name}_{operator.lower()}", limits)
            value = editor.node(node, operator, [value, limit], f"{name}_{operator.lower()}_kept")
    constants = [editor.constant(f"{name}_scale", scale),
                 editor.constant(f"{name}_zero_point",
                                 packed(-lowest, bits, f"{name}_zero_point"))]
    codes = editor.node(node, "QuantizeLinear", [value, *constants], f"{name}_code", **attributes)
    node.replace_input_with(place, editor.node(node, "DequantizeLinear", [codes, *constants],
                                               f"{name}_dequantized", **attributes))


def block_size(layer, grid):
    """
    Of com.microsoft.MatMulNBits: a power of two from 16 on. Where a channel has one scale it is
    repeated for each block, in blocks that cost the least; groups of inputs must be such blocks.
    None: they are not.
    """
    inputs, groups = layer["in_features"], grid.scale.shape[1]
    if groups > 1:
        size = inputs // groups
        return size if size >= 16 and size & (size - 1) == 0 else None
    width = container_bits(layer["bits"])
    largest = 256 if width == 2 else 1024

    def cost(size):
        return -(-inputs // size) * (size * width / 8 + 4 + (1 if grid.whole() else 4))

    return min((1 << power for power in range(4, largest.bit_length())), key=cost)


def matmul_n_bits(editor, layer, codes, grid, product):
    """
    Puts MatMulNBits in the place of a Linear layer's product. Returns the bytes of its constants,
    or None where the layer is none that the operator computes.
    """
    node, place = product
    width = container_bits(layer["bits"])
    size = block_size(layer, grid)
    gemm = node.op_type == "Gemm"
    plain = node.op_type == "MatMul" or gemm and all(
        node.attributes.get_float(name, 1.0) == 1.0 for name in ("alpha", "beta")
    ) and node.attributes.get_int("transA", 0) == 0
    if layer["kind"] != "linear" or layer["groups"] != 1 or layer["order"] != [0, 1] or \
            layer["shape"] != layer["sizes"] or width == 8 or size is None or not plain or place:
        return None
    name, outputs, inputs = layer["name"], layer["out_features"], layer["in_features"]
    blocks = -(-inputs // size)
    content = numpy.zeros((outputs, blocks * size), numpy.uint8)
    content[:, :inputs] = codes.reshape(outputs, inputs)
    content = content.reshape(outputs, blocks, size * width // 8, 8 // width)
    bits = numpy.zeros(content.shape[:-1], numpy.uint8)
    for number in range(8 // width):
        bits |= content[..., number] << (width * number)
    by_block = [numpy.repeat(values, blocks, axis=1) if values.shape[1] == 1 else values
                for values in (grid.scale, grid.zero, grid.rest)]
    if grid.whole():
        padded = numpy.pad(by_block[1], ((0, 0), (0, -blocks % (8 // width))))
        padded = padded.reshape(outputs, -1, 8 // width)
        zero = numpy.zeros(padded.shape[:-1], numpy.uint8)
        for number in range(8 // width):
            zero |= padded[..., number] << (width * number)
    else:
        zero = by_block[1].astype(numpy.float32) - by_block[2]
    constants = [editor.constant(f"{name}.weight_{what}", values) for what, values in
                 (("blocks", bits), ("scale", by_block[0]), ("zero_point", zero))]
    result = editor.node(node, "MatMulNBits", [node.inputs[0], *constants], f"{name}.product",
                         domain="com.microsoft", K=inputs, N=outputs, bits=width, block_size=size)
    if gemm and len(node.inputs) > 2 and node.inputs[2] is not None:
        result = editor.node(node, "Add", [result, node.inputs[2]], f"{name}.output")
    result.shape, result.dtype = node.outputs[0].shape, ir.DataType.FLOAT
    ir.convenience.replace_all_uses_with(node.outputs[0], result, replace_graph_outputs=True)
    editor.graph.remove(node, safe=True)
    return sum(values.nbytes for values in (bits, by_block[0], zero))


def opset_of(layers, roundings):
    """The first that has all types that are needed."""
    return max([opset_for(entry["bits"]) for entry in (*layers, *roundings)], default=21)
