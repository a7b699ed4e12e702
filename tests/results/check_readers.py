"""Reads the sample run as users do: check_readers.py h5py|xarray FILE"""
import sys


def check_h5py(path):
    import h5py
    import numpy as np

    with h5py.File(path) as run:
        assert run.attrs["schema_version"] == "1.6", run.attrs["schema_version"]
        assert run.attrs["status"] == "complete"
        assert run["provenance"].attrs["seed"] == 3
        assert run["evaluation/quantized"].attrs["top1"] == 40
        assert run["evaluation"].attrs["agreement"] == 60
        names = run["layers/name"].asstr()[:]
        assert list(names) == ["blocks.0.attn.qkv", "features.3.expand3x3"], names
        relative = run["layers/relative_error"]
        assert list(relative[:]) == [0.0625, 0.25]
        assert relative.dims[0][0].name == "/layers/name"
        assert relative.attrs["units"] == "1"
        layer = run["codes"][names[1]]
        weight = layer["scale"][:] * (layer["bit_code"][:].astype(np.float32) + layer["zero_point"][:])
        assert weight.shape == (2, 9) and weight[0, 1] == 0.125 * (3 - 2.0), weight
        assert run["evaluation/quantized/image"].asstr()[4] == "n01484850/é.JPEG"
        assert list(run["parameters/blocks.0.norm1.bias"][:]) == [1.5, 1.75, 2.0]


def check_xarray(path):
    import xarray

    layers = xarray.open_dataset(path, group="layers", engine="h5netcdf")
    assert layers.sizes["name"] == 2
    assert float(layers["relative_error"].sel(name="blocks.0.attn.qkv")) == 0.0625
    assert layers.to_dataframe().loc["features.3.expand3x3", "bits"] == 2
    images = xarray.open_dataset(path, group="evaluation/quantized", engine="h5netcdf")
    assert int((images["label"] == images["prediction"]).sum()) == 2
    assert float(images.attrs["top5"]) == 80


{"h5py": check_h5py, "xarray": check_xarray}[sys.argv[1]](sys.argv[2])
print("read")
