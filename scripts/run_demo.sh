#!/usr/bin/env bash
# Sets up what is missing, then quantizes the small ViT that comes with comq on its small data set.
set -euo pipefail
source "$(dirname "$0")/functions.sh"

if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then
    echo "usage: scripts/run_demo.sh [key=value ...]   (for example quantization.bits=2)"
    exit
fi

choose_libtorch '' release
set_up
install_programs
say "run_experiment configs/demo_vit_4bit.yaml $*"
"$build/bin/run_experiment" configs/demo_vit_4bit.yaml "$@"
say "next: run_experiment configs/demo_cnn_4bit.yaml quantization.bits=3, or run_experiment --explain"
