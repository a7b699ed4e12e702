"""Writes a peer's result file from made-up codes: write_peer_file.py REFERENCE EVALUATED FILE"""
import math
import pathlib
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from peers import run_files  # noqa: E402

reference_file, evaluated_file, file = sys.argv[1:]
reference = run_files.Reference(reference_file)
assert reference.images == ["calibration-0"] and reference.heldout == ["held out é"]
layers = {}
for name in reference.layers:
    layer = run_files.PeerLayer(
        bit_code=numpy.array([[3, 15]], numpy.uint8),
        scale=numpy.array([[0.5]], numpy.float32),
        zero_point=numpy.array([[-4]], numpy.float32),
        seconds=0.25,
        propagation=1.0,
        measured={
            "error": 2.0,
            "relative_error": 0.1,
            "heldout_relative_error": 0.2,
            "weight_error": math.nan,
        },
    )
    assert layer.weight().tolist() == [[-0.5, 5.5]]
    layers[name] = layer
run_files.write_peer_file(
    file,
    reference_file,
    evaluated_file,
    layers,
    config="model: {name: demo_vit}\ndata: {layout: demo}\n"
    "quantization: {method: brevitas_gptq, bits: 4}\n",
    identity="peer",
    provenance={"brevitas_version": "0.13", "command_line": "compare_peers.py"},
    stages={"calibrate": 1.5, "solve": 0.25},
)
two = run_files.PeerLayer(
    numpy.array([[1, 2, 3, 4]], numpy.uint8),
    numpy.array([[1, 10]], numpy.float32),
    numpy.array([[0, -1]], numpy.float32),
)
assert two.weight().tolist() == [[1, 2, 20, 30]]
