"""GPTQ, GPFQ, Qronos and round-to-nearest of Brevitas on the Linear layers of a network."""

import copy
import time
import warnings

import numpy
import torch
from brevitas import nn as quantized_layers
from brevitas.core.zero_point import ParameterFromStatsFromParameterZeroPoint
from brevitas.graph.gpfq import gpfq_mode
from brevitas.graph.gptq import gptq_mode
from brevitas.graph.qronos import Qronos
from brevitas.graph.quantize import layerwise_quantize
from brevitas.inject.enum import ScalingImplType
from brevitas.quant.shifted_scaled_int import ShiftedUint8WeightPerChannelFloat

from peers.run_files import PeerError, PeerLayer

warnings.filterwarnings("ignore", module="brevitas")

# The share of the error of earlier layers that a method makes up for when its inputs are those of
# the partly quantized network: GPTQ fits the float weights to them, the others the float outputs.
PROPAGATION = {"rtn": float("nan"), "gptq": 0.0, "gpfq": 1.0, "qronos": 1.0}


class MinMaxWeight(ShiftedUint8WeightPerChannelFloat):
    """An asymmetric grid per output channel from the smallest to the largest float weight.

    The class it derives from takes the range anew of whatever the weights are by now, so that the
    grid would move while a method changes them.
    """

    scaling_impl_type = ScalingImplType.PARAMETER_FROM_STATS
    zero_point_impl = ParameterFromStatsFromParameterZeroPoint


def quantizable_copy(network, names, bits):
    """The network with Brevitas's layers in place of `names`, their grids initialised."""
    others = [
        name
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and name not in names
    ]
    layer = {
        "weight_quant": MinMaxWeight,
        "weight_bit_width": bits,
        "return_quant_tensor": False,
    }
    result = layerwise_quantize(
        copy.deepcopy(network),
        compute_layer_map={torch.nn.Linear: (quantized_layers.QuantLinear, layer)},
        name_blacklist=others,
    )
    return result.eval()


def mode_of(method, network, act_order):
    """Brevitas's context manager; weights alone are quantized."""
    if method == "gptq":
        return gptq_mode(network, use_quant_activations=False, act_order=act_order)
    options = {"algorithm_impl": Qronos} if method == "qronos" else {}
    return gpfq_mode(network, use_quant_activations=False, act_order=act_order, **options)


def solve_on_grams(algorithm, grams, rows, seconds):
    """Every layer by itself on the full-precision rows: H = G = XᵀX, in Brevitas's float32."""
    for name, optimizer in algorithm.gpxq_layers.items():
        gram = (grams[name] / rows[name]).float().unsqueeze(0)
        optimizer.H = gram
        if hasattr(optimizer, "G"):
            optimizer.G = gram.clone()
        optimizer.nsamples = rows[name]
        start = time.perf_counter()
        optimizer.single_layer_update()
        seconds[name] = time.perf_counter() - start


def solve_in_network(algorithm, batches, seconds, report):
    """Layer after layer on the inputs that the layers quantized so far give, as Brevitas does."""
    for number in range(algorithm.num_layers):
        for batch in batches:
            algorithm.model(batch)
        names = list(algorithm.current_layer.layer_names)
        start = time.perf_counter()
        algorithm.update()
        for name in names:
            seconds[name] = (time.perf_counter() - start) / len(names)
        report(f"{number + 1}/{algorithm.num_layers} layers")


def codes_of(layer, bits):
    """Codes and grid of a Brevitas layer as comq writes them; Brevitas's W is s (code − zero)."""
    weight = layer.quant_weight()
    codes = weight.int(float_datatype=True).detach().numpy()
    if codes.min() < 0 or codes.max() >= 2**bits:
        raise PeerError(f"Brevitas gave codes from {codes.min()} to {codes.max()} at {bits} bits")
    return PeerLayer(
        codes.astype(numpy.uint8),
        weight.scale.detach().reshape(len(codes), -1).numpy(),
        -weight.zero_point.detach().reshape(len(codes), -1).numpy(),
    )


def check_grid(name, layer, expected):
    """The grid must be comq's, or the methods are not compared but the grids."""
    scale = numpy.abs(layer.scale - expected.scale) > 1e-5 * expected.scale
    other = int((scale | (layer.zero_point != expected.zero_point)).sum())
    if other:
        raise PeerError(
            f"layer {name}: Brevitas has another grid than comq in {other} of {scale.size} "
            "channels (it keeps 0 inside the range); such layers are not comparable"
        )


def quantize(method, network, reference, batches, act_order, grams=None, rows=None,
             report=lambda text: None):
    """({layer: PeerLayer}, {stage: seconds}); with `grams` on full-precision inputs, without them
    on those of the partly quantized network. `batches`: of images; `reference`: comq's run."""
    bits = reference.bits[0]
    model = quantizable_copy(network, reference.layers, bits)
    seconds = dict.fromkeys(reference.layers, 0.0)
    start = time.perf_counter()
    with torch.no_grad():
        model(batches[0][:1])  # brings the grids into being
        if method != "rtn":
            with mode_of(method, model, act_order) as algorithm:
                if grams is not None:
                    solve_on_grams(algorithm, grams, rows, seconds)
                else:
                    solve_in_network(algorithm, batches, seconds, report)
        total = time.perf_counter() - start
        modules = dict(model.named_modules())
        layers = {}
        for name in reference.layers:
            layer = codes_of(modules[name], bits)
            check_grid(name, layer, reference.codes[name])
            layer.seconds = seconds[name]
            layer.sweeps = 0 if method == "rtn" else 1
            layer.propagation = float("nan") if grams is not None else PROPAGATION[method]
            layers[name] = layer
    solving = sum(seconds.values())
    return layers, {"calibrate": total - solving, "solve": solving}
