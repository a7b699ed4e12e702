"""A network as an ONNX model with low-bit weights."""

import onnx
import onnx_ir as ir
import onnxscript.optimizer
import onnxscript.version_converter
import torch

from .environment import fail, note
from .onnx_norms import simplify_norms
from .onnx_products import matmul_n_bits, opset_of, products_of, round_input
from .onnx_weights import GraphEditor, Grid, as_parameter, dequantized, reshaped, stored_bytes


def float_model(program):
    """The ONNX model of an exported program, and its parameters by name."""
    model = torch.onnx.export(program, dynamo=True, optimize=False, verbose=False).model
    return model, dict(model.graph.initializers)


def set_aside(model, values):
    """Makes parameters inputs of the graph, so that no optimization takes them for constants."""
    for value in values:
        del model.graph.initializers[value.name]
        value.const_value = None
        model.graph.inputs.append(value)


def simplified(model, opset):
    """Without what exporters leave: sizes that are known, casts to what a value is already."""
    onnxscript.optimizer.optimize(model)
    onnxscript.version_converter.convert_version(model, target_version=opset)
    if model.graph.opset_imports[""] != opset:
        fail(f"the graph could not be brought to opset {opset}")
    model.ir_version = 13 if opset >= 25 else 10


def weight_of(layer, parameters):
    """The values in the graph that hold the weight of a layer."""
    found = [parameters[name] for name in layer["parameters"] if name in parameters]
    if not found:
        fail(f"{layer['name']}: the exported graph has no {layer['parameters'][0]}")
    return found


def put_dequantized(editor, layer, values, codes, grid):
    """In the place of a layer's parameter, or of what the graph transposes it to."""
    first, order = editor.graph[0], layer["order"]
    turned = None if reshaped(layer) else transposition_of(values)
    if turned is not None:
        order = [order[axis] for axis in turned]
    weight = dequantized(editor, first, layer, codes, grid, order)
    weight = as_parameter(editor, first, layer, weight)
    for value in values:
        replaced = [value]
        if turned is not None:
            replaced = [node.outputs[0] for node, _ in value.uses()]
        for old in replaced:
            ir.convenience.replace_all_uses_with(old, weight)


def transposition_of(values):
    """The permutation by which a graph uses parameters, always and the same; None: there is none."""
    found = {tuple(node.attributes.get_ints("perm", ())) if node.op_type == "Transpose" else ()
             for value in values for node, _ in value.uses()}
    only = found.pop() if len(found) == 1 else ()
    return list(only) or None


def put_weights(model, job, tensors, parameters):
    """Replaces weights by packed codes; returns what each layer has become, for the report."""
    editor = GraphEditor(model.graph)
    roundings = {rounding["layer"]: rounding for rounding in job["activations"]}
    written = []
    for layer in job["layers"]:
        codes = tensors[layer["name"] + ".bit_code"].numpy()
        grid = Grid(tensors[layer["name"] + ".scale"].numpy(),
                    tensors[layer["name"] + ".zero_point"].numpy(), 2 ** layer["bits"] - 1)
        values = weight_of(layer, parameters)
        products = [product for value in values for product in products_of(value)]
        if layer["name"] in roundings:
            if not products:
                fail(f"{layer['name']}: no product with its weight is found whose input could be "
                     "rounded")
            for node, place in products:
                round_input(editor, node, place, roundings[layer["name"]])
        operator, size = "MatMulNBits", None
        if job["linear"] == "matmulnbits" and len(products) == 1:
            size = matmul_n_bits(editor, layer, codes, grid, products[0])
        if size is None:
            operator, size = "DequantizeLinear", stored_bytes(layer, grid)
            put_dequantized(editor, layer, values, codes, grid)
        for value in values:
            for node, _ in tuple(value.uses()):  # what laid it out for a product that is gone
                model.graph.remove(node, safe=True)
            model.graph.inputs.remove(value)
        written.append({"layer": layer["name"], "operator": operator, "bytes": size,
                        "whole": grid.whole()})
    if job["linear"] == "matmulnbits":
        model.graph.opset_imports["com.microsoft"] = 1
        left = [layer["name"] for layer, made in zip(job["layers"], written)
                if layer["kind"] == "linear" and made["operator"] != "MatMulNBits"]
        if left:
            note(f"not by MatMulNBits, which takes 2 and 4 bits and groups of 16, 32, … inputs: "
                 f"{', '.join(left[:3])}{', …' if len(left) > 3 else ''} ({len(left)} layers)")
    return written


def write(job, program, tensors, name_of, file):
    """Writes the model; returns what its layers have become, and the opset."""
    model, parameters = float_model(program)
    layers = [dict(layer, parameters=[name_of(name) for name in layer["parameters"]])
              for layer in job["layers"]]
    job = dict(job, layers=layers)
    set_aside(model, [value for layer in layers for value in weight_of(layer, parameters)])
    opset = opset_of(layers, job["activations"])
    simplified(model, opset)
    parameters = {value.name: value for value in model.graph.inputs[1:]}
    written = put_weights(model, job, tensors, parameters)
    simplify_norms(GraphEditor(model.graph))
    tidy(model)
    model.producer_name, model.producer_version = "comq", job["metadata"]["made_by"].split()[-1]
    model.metadata_props.update(job["metadata"])
    proto = ir.to_proto(model)
    del proto.graph.value_info[:]  # of constants, which say their shape themselves
    onnx.save(proto, str(file))
    onnx.checker.check_model(str(file))
    return written, opset


def tidy(model):
    """
    Names images and logits, and takes off what no runtime needs and is larger than the weights of a
    small network: traces of Python, shapes and long names of values in between.
    """
    graph = model.graph
    for value, name in ((graph.inputs[0], "images"), (graph.outputs[0], "logits")):
        value.name = name
    model.metadata_props.clear()
    graph.metadata_props.clear()
    number = 0
    for node in graph:
        node.metadata_props.clear()
        node.doc_string, node.name = None, None
        for value in node.outputs:
            value.metadata_props.clear()
            if value.is_graph_output():
                continue
            value.shape = value.type = None
            value.name = f"v{number}"
            number += 1
