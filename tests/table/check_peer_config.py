"""What scripts/compare_peers.py says of a config with each of the key=value arguments changed."""

import json
import pathlib
import subprocess
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "scripts"))
import compare_peers  # noqa: E402
from peers.run_files import PeerError  # noqa: E402

compare_peers.yaml, compare_peers.PeerError = yaml, PeerError  # it imports them when it is run


def output(*words):
    return subprocess.run([sys.argv[2], *words], check=True, capture_output=True, text=True).stdout


keys = json.loads(output("--explain", "all", "--json"))
keys.append({"key": "quantization.added", "default": 1, "affects": ["solution"]})
config = pathlib.Path(sys.argv[1]) / "configs/deit_tiny_4bit.yaml"
for override in sys.argv[3:]:
    added = override.startswith("quantization.added=")
    words = [] if added else [override]
    resolved = yaml.safe_load(
        output(str(config), *words, "quantization.method=none", "--print-config"))
    resolved["quantization"]["added"] = 2 if added else 1
    resolved["quantization"]["method"] = "brevitas_gptq"
    try:
        compare_peers.check_config(resolved, keys)
        print(f"{override}: as it is")
    except PeerError as error:
        print(error)
