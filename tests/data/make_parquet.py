#!/usr/bin/env python3
"""Writes Parquet files of the images 0.jpg … 4.jpg of a folder into it, whole and malformed ones.

usage: make_parquet.py FOLDER
"""
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(sys.argv[1])
IMAGES = [(FOLDER / f"{i}.jpg").read_bytes() for i in range(5)]


def write(name, columns, metadata=None, **options):
    table = pa.table(columns)
    if metadata:
        table = table.replace_schema_metadata(metadata)
    pq.write_table(table, FOLDER / name, **options)


def as_hugging_face(images):
    return [{"bytes": image, "path": f"{i}.JPEG"} for i, image in enumerate(images)]


names = [str(i) for i in range(1000)]
features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
metadata = {"huggingface": json.dumps(features)}
write("val-0.parquet", {"image": as_hugging_face(IMAGES[:3]), "label": [0, 100, 200]}, metadata,
      row_group_size=2)
write("val-1.parquet", {"image": as_hugging_face(IMAGES[3:]), "label": [300, 400]}, metadata,
      compression="snappy", use_dictionary=False)
write("plain.parquet", {"cls": pa.array([1, 7], pa.int32()), "jpg": IMAGES[:2]},
      compression="zstd", data_page_version="2.0")
write("holes.parquet", {"image": as_hugging_face(IMAGES[:1]) + [None], "label": [0, 1]})
write("unlabelled.parquet", {"image": as_hugging_face(IMAGES)})
write("pixels.parquet", {"pixels": [[1, 2, 3]], "label": [0]})
write("words.parquet", {"image": as_hugging_face(IMAGES[:1]), "label": ["cat"]})
