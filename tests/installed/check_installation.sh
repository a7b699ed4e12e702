#!/usr/bin/env bash
# Installs the build into a fresh prefix and uses every program from another folder under `env -i`:
#   check_installation.sh BUILD SOURCE
set -euo pipefail

build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
programs=(check_results compare_results export_model inspect_results make_report make_tables run_experiment run_sweep sweep_status train_demo)

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# A program of the prefix with nothing of this shell; PATH is what Debian gives a new user.
bare() {
    (cd "$scratch/elsewhere" && env -i HOME="$scratch" PATH=/usr/bin:/bin "$prefix/bin/$1" "${@:2}") ||
        fail "$* ended with exit code $?"
}

mkdir "$scratch/elsewhere"
cmake --install "$build" --prefix "$prefix" >"$scratch/install.log" || fail "cmake --install"

for program in "${programs[@]}"; do
    libraries=$(env -i ldd "$prefix/bin/$program")
    case $libraries in
        *"not found"*) fail "$program misses a library: $libraries" ;;
        *"$source/"* | *"$build/"*) fail "$program needs the clone, which may go: $libraries" ;;
    esac
    bare "$program" --version | grep -q "^$program " || fail "$program --version"
    bare "$program" --help | grep -q -- --version || fail "$program --help"
done

bare run_experiment configs/demo_cnn_4bit.yaml evaluation.images=100 calibration.images=32
[ -s "$scratch/elsewhere/results/demo_cnn_4bit-images32-evaluation_images100.h5" ] ||
    fail "no result in results/: $(ls "$scratch/elsewhere/results")"
mv "$scratch"/elsewhere/results/*.h5 "$scratch/elsewhere/run.h5"
bare inspect_results run.h5 | grep -q 'full precision' || fail "inspect_results"
bare compare_results run.h5 run.h5 >/dev/null
bare export_model run.h5 -o run.safetensors
if [ -d "$prefix/share/comq/charts" ]; then
    bare make_report run.h5 -o report.html
    grep -q 'id="document"' "$scratch/elsewhere/report.html" || fail "make_report"
fi
# By Python's libraries, where the build has them beside its LibTorch.
for site in "$source"/build/libtorch-*/compressed_tensors; do
    [ -d "$site" ] || continue
    (cd "$scratch/elsewhere" && env -i HOME="$scratch" PATH=/usr/bin:/bin PYTHONPATH="${site%/*}" \
        "$prefix/bin/export_model" run.h5 -o run.pth) | grep -q 'named as in' || fail "export_model -o run.pth"
done
bare run_experiment configs/demo_cnn_4bit.yaml evaluation.images=100 model.weights=run.safetensors \
    quantization.method=none evaluation.allow_chance=true -o exported.h5

# Programs started by programs.
cat >"$scratch/elsewhere/two.yaml" <<'END'
config: configs/demo_cnn_4bit.yaml
overrides: {evaluation: {images: 100}, calibration: {images: 32}}
grid: {quantization.bits: [3, 4]}
END
bare run_sweep two.yaml
bare sweep_status two.yaml | grep -q '2 finished' || fail "sweep_status"
bare run_sweep two.yaml --collect
cat >"$scratch/elsewhere/table.yaml" <<'END'
title: Installed
caption: Top-1 in percent
measure: top1
set: {evaluation: {images: 100}, calibration: {images: 32}}
columns: [{id: cnn, label: demo CNN, config: configs/demo_cnn_4bit.yaml}]
rows: [{id: rtn, label: RTN, set: {quantization: {method: rtn}}}]
END
bare make_tables table.yaml --run-missing | grep -q 'RTN' || fail "make_tables"
bare fetch_weights.sh --dry-run vit_base_patch16_224 | grep -q 'safetensors' || fail "fetch_weights.sh"
bare compare_peers.py --help >/dev/null
bare export_runs.py run.h5 --to jsonl -o run.jsonl | grep -q run.jsonl || fail "export_runs.py"
bare train_demo demo_cnn --images 32 -o trained.safetensors >/dev/null

[ -s "$prefix/share/bash-completion/completions/run_experiment" ] || fail "no completion for bash"
[ -s "$prefix/share/zsh/site-functions/_comq" ] || fail "no completion for zsh"
