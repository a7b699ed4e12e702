#!/usr/bin/env python3
"""Packs the images of a folder of class folders into a WebDataset shard and, with PyArrow, a Parquet one.

usage: make_shards.py IMAGES FOLDER
"""
import io
import pathlib
import sys
import tarfile

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pq = None


def add(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def main():
    images, folder = map(pathlib.Path, sys.argv[1:])
    classes = sorted(path.name for path in images.iterdir())
    files = [path for name in classes for path in sorted((images / name).iterdir())]
    labels = [classes.index(path.parent.name) for path in files]
    with tarfile.open(folder / "images.tar", "w") as archive:
        for i, path in enumerate(files):
            add(archive, f"{i:06}.jpg", path.read_bytes())
            add(archive, f"{i:06}.cls", str(labels[i]).encode())
    if pq is None:
        sys.exit("no PyArrow")
    rows = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
    pq.write_table(pa.table({"image": rows, "label": labels}), folder / "images.parquet",
                   row_group_size=100)


if __name__ == "__main__":
    main()
