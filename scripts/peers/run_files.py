"""Result files of comq (results/README.md): what a peer needs of one, and the one it fills.

Needs h5py and numpy, nothing of the peers.
"""

import dataclasses
import math
import os

import h5py
import numpy


class PeerError(Exception):
    """What went wrong, in one line for the user."""


@dataclasses.dataclass
class PeerLayer:
    """A layer as a peer quantized it: W = scale (bit_code + zero_point), W is [out, m]."""

    bit_code: numpy.ndarray  # [out, m] unsigned 8-bit
    scale: numpy.ndarray  # [out, scale groups] float32
    zero_point: numpy.ndarray  # the same
    sweeps: int = 1
    seconds: float = 0.0  # of solving, without calibration
    propagation: float = math.nan  # share of the earlier layers' error it makes up for; NaN: none
    measured: dict = dataclasses.field(default_factory=dict)  # columns of errors by name

    def weight(self):
        """The quantized weight, [out, m] float32; one scale group serves all inputs of a row."""
        codes = self.bit_code.astype(numpy.float32)
        width = codes.shape[1] // self.scale.shape[1]
        scale, zero_point = (numpy.repeat(x, width, 1) for x in (self.scale, self.zero_point))
        return scale * (codes + zero_point)


class Reference:
    """Round-to-nearest of comq: which images, layers and grids a peer has to take."""

    def __init__(self, file):
        self.file = file
        try:
            with h5py.File(file, "r") as run:
                self.identity = run.attrs["identity"]
                self.images = list(run["calibration/image"].asstr()[:])
                self.heldout = list(run["heldout/image"].asstr()[:]) if "heldout" in run else []
                self.layers = list(run["layers/name"].asstr()[:])
                self.kinds = list(run["layers/kind"].asstr()[:])
                self.bits = [int(bits) for bits in run["layers/bits"][:]]
                self.relative_error = dict(zip(self.layers, run["layers/relative_error"][:]))
                self.codes = {name: self._layer(run["codes"][name]) for name in self.layers}
        except (OSError, KeyError) as error:
            raise PeerError(f"{file}: no whole result file of comq ({error}); delete it") from error

    @staticmethod
    def _layer(group):
        return PeerLayer(group["bit_code"][:], group["scale"][:], group["zero_point"][:], sweeps=0)


def _describe(target, source):
    for name in ("units", "long_name"):
        if name in source.attrs:
            target.attrs[name] = source.attrs[name]


def _write_column(group, name, values):
    if isinstance(values[0] if len(values) else "", str):
        return group.create_dataset(name, data=list(values), dtype=h5py.string_dtype())
    return group.create_dataset(name, data=numpy.asarray(values))


def _values(column):
    return column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]


def _copy_table(source, root, path, replaced=None):
    """A group of columns with its descriptions; `replaced`: other values by column."""
    group = root.create_group(path)
    for name, value in source.attrs.items():
        group.attrs[name] = value
    scale = None
    for name in sorted(source, key=lambda name: not h5py.h5ds.is_scale(source[name].id)):
        values = (replaced or {}).get(name, None)
        column = _write_column(group, name, _values(source[name]) if values is None else values)
        _describe(column, source[name])
        if scale is None:  # the column that names the rows comes first
            column.make_scale(name)
            scale = column
        else:
            column.dims[0].attach_scale(scale)
    return group


def _layer_columns(names, layers):
    """Columns that the reference has other values of."""
    chosen = [layers[name] for name in names]
    columns = {
        "levels_used": [
            max(len(numpy.unique(row)) for row in layer.bit_code) for layer in chosen
        ],
        "sweeps": [layer.sweeps for layer in chosen],
        "seconds": [layer.seconds for layer in chosen],
        "propagation": [layer.propagation for layer in chosen],
        "sqnr_db": [
            -20 * math.log10(error) if (error := layer.measured["relative_error"]) > 0 else math.inf
            for layer in chosen
        ],
    }
    for name in ("error", "relative_error", "heldout_relative_error", "weight_error"):
        columns[name] = [float(layer.measured[name]) for layer in chosen]
    return columns


def _write_evaluation(group, reference, evaluated):
    """The predictions of both networks for one set of images."""
    _copy_table(reference["full_precision"], group, "full_precision")
    _copy_table(evaluated["full_precision"], group, "quantized")
    if list(group["full_precision/image"]) != list(group["quantized/image"]):
        raise PeerError(f"{evaluated.file.filename}: not the evaluation images of "
                        f"{reference.file.filename}")
    same = group["full_precision/prediction"][:] == group["quantized/prediction"][:]
    group.attrs["agreement"] = 100 * float(numpy.mean(same))


def _write_evaluations(root, reference, evaluated):
    group = root.create_group("evaluation")
    _write_evaluation(group, reference["evaluation"], evaluated["evaluation"])
    for name, of_set in reference["evaluation"].get("sets", {}).items():
        written = group.create_group(f"sets/{name}")
        written.attrs["evaluation_images"] = of_set.attrs["evaluation_images"]
        _write_evaluation(written, of_set, evaluated[f"evaluation/sets/{name}"])


def write_peer_file(file, reference_file, evaluated_file, layers, config, identity, provenance,
                    stages):
    """Writes the result file of a peer, schema 1, in one atomic step.

    reference_file: comq's round-to-nearest on the same images, layers and grid; the float network's
        predictions, the sizes and the names of layers are taken from it.
    evaluated_file: a run with quantization.method=none on the peer's weights.
    layers: {name: PeerLayer}, with every error in `measured`.
    config: resolved YAML text; provenance: attributes that differ from the reference's;
    stages: {name: seconds}.
    """
    scratch = f"{file}.tmp"
    with h5py.File(reference_file, "r") as reference, h5py.File(evaluated_file, "r") as evaluated, \
            h5py.File(scratch, "w") as run:
        for name, value in reference.attrs.items():
            run.attrs[name] = value
        run.attrs.update(config=config, identity=identity, status="complete")
        run.create_group("provenance").attrs.update({**reference["provenance"].attrs, **provenance})
        _write_evaluations(run, reference, evaluated)
        run.create_group("model_size").attrs.update(reference["model_size"].attrs)
        names = list(reference["layers/name"].asstr()[:])
        if set(names) != set(layers):
            raise PeerError(f"{reference_file}: not the layers that the peer quantized")
        _copy_table(reference["layers"], run, "layers", _layer_columns(names, layers))
        for name in ("calibration", "heldout"):
            if name in reference:
                _copy_table(reference[name], run, name)
        _copy_table(reference["stages"], run, "stages",
                    {"name": list(stages), "seconds": list(stages.values())})
        codes = run.create_group("codes")
        codes.attrs.update(reference["codes"].attrs)
        for name in names:
            group = codes.create_group(name)
            group.create_dataset("bit_code", data=layers[name].bit_code.astype(numpy.uint8),
                                 compression="gzip", compression_opts=1)
            group.create_dataset("scale", data=layers[name].scale.astype(numpy.float32))
            group.create_dataset("zero_point", data=layers[name].zero_point.astype(numpy.float32))
        run.create_group("parameters").attrs.update(reference["parameters"].attrs)
    os.replace(scratch, file)
