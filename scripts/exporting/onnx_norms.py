"""BatchNorms of an ONNX graph as what they are at inference: a factor and a shift of each channel."""

import numpy


def constant_of(value):
    return None if value is None or value.const_value is None else value.const_value.numpy()


def epsilon_of(node):
    return node.attributes.get_float("epsilon", 1e-5)


def factor_and_shift(node):
    """γ/√(σ² + ε) and β − μ·γ/√(σ² + ε), [channels]; None where one is no constant."""
    weight, bias, mean, variance = (constant_of(value) for value in node.inputs[1:5])
    if any(values is None for values in (weight, bias, mean, variance)):
        return None
    spread = numpy.sqrt(variance.astype(numpy.float64) + epsilon_of(node))
    factor = weight.astype(numpy.float64) / spread
    return factor, bias - mean * factor


def simplify_norms(editor):
    """
    Takes two of four constants and a third of the bytes of a node off each BatchNorm, which in a
    small network are more than its codes; runtimes fuse what is left with the convolution before.
    The weights of convolutions keep their bits.
    """
    made = {}  # exporters give equal parameters of several norms one name
    for node in tuple(editor.graph):
        if node.op_type != "BatchNormalization" or node.outputs[0].is_graph_output():
            continue
        found, known = factor_and_shift(node), node.inputs[0].shape
        if found is None or known is None:
            continue
        names = (epsilon_of(node), *(value.name for value in node.inputs[1:5]))
        if names not in made:
            shape = [-1] + [1] * (len(known) - 2)  # of images [channels, 1, 1]
            made[names] = [
                editor.constant(f"norm{len(made)}.{what}", values.astype(numpy.float32).reshape(shape))
                for what, values in zip(("factor", "shift"), found)]
        factor, shift = made[names]
        scaled = editor.node(node, "Mul", [node.inputs[0], factor], f"{factor.name}.scaled")
        shifted = editor.node(node, "Add", [scaled, shift], f"{shift.name}.shifted")
        parameters = list(node.inputs[1:5])
        node.outputs[0].replace_all_uses_with(shifted)
        editor.graph.remove(node, safe=True)
        for value in parameters:
            if not value.uses():
                editor.graph.initializers.pop(value.name, None)
