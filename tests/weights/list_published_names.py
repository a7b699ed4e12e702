#!/usr/bin/env python3
"""Writes data/published_names.json: names and shapes of the weights of some models as their
publishers have them; of ViT and DeiT of tokens and position embeddings, too. Run by hand with timm,
torchvision, transformers (as save_pretrained writes them, and in memory) and
efficientnet_lite_pytorch.

usage: list_published_names.py STATE_DICT_JSON...   (LIBRARY.MODEL[.state_dict].json: name -> shape)
"""
import json
import pathlib
import sys


def main():
    entries = []
    for path in map(pathlib.Path, sys.argv[1:]):
        shapes = json.loads(path.read_text())
        kept = ("weight", "token", "pos_embed", "pos_embedding", "position_embeddings")
        weights = {name: shape for name, shape in shapes.items() if name.endswith(kept)}
        lines = ",\n".join(f'  "{name}": {json.dumps(shape)}' for name, shape in weights.items())
        library_and_model = path.name.removesuffix(".json").removesuffix(".state_dict")
        entries.append(f'"{library_and_model}": {{\n{lines}\n}}')
    out = pathlib.Path(__file__).parent / "data" / "published_names.json"
    out.write_text("{\n" + ",\n".join(entries) + "\n}\n")


if __name__ == "__main__":
    main()
