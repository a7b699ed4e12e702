#!/usr/bin/env bash
# Sets up what is missing for it, then quantizes the small ViT that comes with comq on its small
# data set.
set -euo pipefail
source "$(dirname "$0")/functions.sh"

usage() {
    cat <<'END'
usage: scripts/run_demo.sh [--libtorch pip|debian|python|DIR] [key=value ...]

Examples: scripts/run_demo.sh quantization.bits=2 output.file=results/demo_vit_2bit.h5
          scripts/run_demo.sh --libtorch debian output.file=results/demo_vit_debian.h5
END
}

parse_leading_options "$@"
set -- "${rest[@]}"
[ "$preset" = release ] || fail "the demo runs the preset release"

choose_libtorch "$choice" "$preset"
set_up demo
install_programs
say "run_experiment configs/demo_vit_4bit.yaml $*"
"$build/bin/run_experiment" configs/demo_vit_4bit.yaml "$@"
say "next: run_experiment configs/demo_cnn_4bit.yaml quantization.bits=3, or run_experiment --explain"
