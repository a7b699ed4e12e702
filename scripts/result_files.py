"""What scripts that read results have in common."""


def in_folder(folder):
    """The result files below a folder, sorted; a journal ("NAME.h5.parts") holds none."""
    return [file for file in sorted(folder.rglob("*.h5"))
            if not any(part.endswith(".parts") for part in file.relative_to(folder).parts)]


def flatten(tree, prefix=""):
    """{"a": {"b": 1}} as {"a.b": 1}."""
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
