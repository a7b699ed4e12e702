"""Reads the table that collect_points_test.cpp wrote into the folder argv[1]."""

import sys

import h5py
import pandas

csv = pandas.read_csv(sys.argv[1] + "/table.csv", index_col="point")
assert list(csv["quantization.sweeps"]) == [4, 1], csv
assert list(csv["quantization.preset"]) == ["paper", "authors_code"], csv
assert csv["top1"].isna().tolist() == [False, True], csv

with h5py.File(sys.argv[1] + "/table.h5") as file:
    points = file["points"]
    assert [name.decode() for name in points["point"][:]] == list(csv.index)
    assert list(points["quantization.scalar"][:]) == list(csv["quantization.scalar"])
    assert points["top1"].dims[0][0].name == "/points/point"
    layers = pandas.DataFrame(
        {name: file["layers"][name][:] for name in ("point", "name", "bits", "relative_error")}
    )
assert set(layers["point"].str.decode("utf-8")) == set(csv.index), layers
