#!/usr/bin/env python3
"""Makes a part of the development images of its unpacked source, byte for byte.

Called by fetch_development_images.sh: build_development_images.py PART SOURCE FOLDER. Needs Pillow;
the part `squeezenet` needs PyTorch instead.
"""

import csv
import json
import pathlib
import shutil
import struct
import sys

CIFAR_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def fail(message):
    sys.exit(f"build_development_images.py: {message}")


def sample_photos(source):
    """One photo of each of the 1000 classes, WNID_name.JPEG, in the order of the classes."""
    photos = sorted(source.glob("n*_*.JPEG"))
    if len(photos) != 1000:
        fail(f"{source} holds {len(photos)} photos, not 1000")
    return photos


def wnid(photo):
    return photo.name.split("_")[0]


def train_photos(source, folder):
    """Every second class, the shorter side at most 320; 24 classes as they are; all names."""
    from PIL import Image
    photos = sample_photos(source)
    (folder / "imagenet").mkdir(parents=True, exist_ok=True)
    names = "".join(f"{wnid(photo)}\n" for photo in photos)
    (folder / "imagenet" / "synsets.txt").write_text(names)
    originals = folder / "imagenet" / "originals"
    originals.mkdir(exist_ok=True)
    for photo in photos[0:1000:42]:
        shutil.copyfile(photo, originals / photo.name)
    for photo in photos[0::2]:
        target = folder / "imagenet" / "train" / wnid(photo) / photo.name
        target.parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(photo).convert("RGB")
        ratio = 320 / min(image.size)
        if ratio < 1:
            size = tuple(round(side * ratio) for side in image.size)
            image = image.resize(size, Image.LANCZOS)
        image.save(target, "JPEG", quality=92)


def val_photos(source, folder):
    """Every second photo by name, as JPEG in the folder of its class, and who took it."""
    from PIL import Image
    names = folder / "imagenet" / "synsets.txt"
    if not names.exists():
        fail(f"there is no {names}; the part train_photos makes it")
    synsets = names.read_text().split()
    with open(source / "dataset" / "images.csv", newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["ImageId"])[0::2]
    attribution = folder / "imagenet" / "val_attribution.csv"
    with open(attribution, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "author", "license", "landing_url"])
        for row in rows:
            label = int(row["TrueLabel"]) - 1
            writer.writerow([row["ImageId"], label, row["Author"], row["License"],
                             row["OriginalLandingURL"]])
            target = folder / "imagenet" / "val" / synsets[label] / f"{row['ImageId']}.JPEG"
            target.parent.mkdir(parents=True, exist_ok=True)
            photo = Image.open(source / "dataset" / "images" / f"{row['ImageId']}.png")
            photo.convert("RGB").save(target, "JPEG", quality=95, subsampling=0)


def cifar10(source, folder):
    """CIFAR-10's binary version of JPEG files: class after class in turn, in the order of names."""
    from PIL import Image
    (folder / "cifar10").mkdir(parents=True, exist_ok=True)
    names = "".join(f"{name}\n" for name in CIFAR_CLASSES)
    (folder / "cifar10" / "batches.meta.txt").write_text(names)
    for split, batch, count in (("test", "test_batch.bin", 10000),
                                ("train", "data_batch_1.bin", 2560)):
        files = [sorted((source / split / name).glob("*.jpg")) for name in CIFAR_CLASSES]
        with open(folder / "cifar10" / batch, "wb") as stream:
            for record in range(count):
                label = record % 10
                image = Image.open(files[label][record // 10]).convert("RGB")
                stream.write(bytes([label]))
                for plane in image.split():
                    stream.write(plane.tobytes())


def labels(source, folder):
    """Caffe's list of ImageNet's validation labels and its class names."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "val.txt", folder / "labels" / "ilsvrc2012_val.txt")
    shutil.copyfile(source / "synset_words.txt", folder / "labels" / "synset_words.txt")


def squeezenet(source, folder):
    """torchvision's checkpoint as safetensors."""
    try:
        import torch
    except ModuleNotFoundError:
        fail(f"{sys.executable} has no PyTorch; use the checkpoint as it is: model.weights={source}")
    state = torch.load(source, map_location="cpu", weights_only=True)
    tensors = {name: (list(tensor.shape), tensor.contiguous().numpy().tobytes())
               for name, tensor in state.items()}
    write_safetensors(folder / "weights" / "squeezenet1_1.safetensors", tensors)


def write_safetensors(file, tensors):
    """32-bit floats in the order of their names, as safetensors."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(tensors):
        shape, values = tensors[name]
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


PARTS = {part.__name__: part for part in (train_photos, val_photos, cifar10, labels, squeezenet)}

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in PARTS:
        fail(f"usage: {'|'.join(PARTS)} SOURCE FOLDER")
    PARTS[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
