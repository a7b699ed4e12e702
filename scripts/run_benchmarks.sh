#!/usr/bin/env bash
# Measures comq as ratios in one run: against explicit rows, SGEMM, the machine's floor, and Python.
set -euo pipefail
source "$(dirname "$0")/functions.sh"

usage() {
    cat <<'END'
usage: scripts/run_benchmarks.sh [--quick] [--json FILE] [--no-python] [--libtorch pip|debian|python|DIR]

Prints tables and writes one flat JSON. Needs the real weights and images ($COMQ_ASSETS, default
../shared/assets) and an idle machine. timm, Brevitas, ONNX Runtime and OpenVINO are installed
with pip into build/peers; where pip can't get them, or with --no-python, their figures are left out.
END
}

choice='' preset=release quick=() json='' python=true
while [ $# -gt 0 ]; do
    if parse_build_option "$@"; then
        shift "$consumed"
        continue
    fi
    case $1 in
        --quick) quick=(--quick) ;;
        --json) json=$(realpath -m "${2:?--json needs a file}") && shift ;;
        --no-python) python=false ;;
        -h | --help) usage && exit ;;
        *) fail "unknown argument $1 (see --help)" ;;
    esac
    shift
done
[ "$preset" = release ] || fail "only the preset release is worth measuring"

# The peers in a virtual environment with the PyTorch that comq is built with.
install_peers() {
    local pip=(build/peers/bin/python -m pip --quiet --disable-pip-version-check)
    [ -x build/peers/bin/python ] || python3 -m venv build/peers || return 1
    PYTHONPATH=scripts build/peers/bin/python -W ignore -c 'import python_environment
python_environment.import_torchvision()
import timm, brevitas.graph.gptq, onnxruntime, openvino' 2>/dev/null && return 0
    say "installing timm, Brevitas, ONNX Runtime and OpenVINO into build/peers"
    # Without dependencies: pip would ask PyTorch's index for each of them, and wait where it is out of reach.
    "${pip[@]}" install --retries 1 --no-deps --extra-index-url "$PYTORCH_CPU_INDEX" "torch==$LIBTORCH_VERSION+cpu" &&
        "${pip[@]}" install -r tests/bench/requirements.txt "torch==$LIBTORCH_VERSION+cpu" &&
        "${pip[@]}" install --no-deps timm torchvision
}

choose_libtorch "$choice" "$preset"
assets=${COMQ_ASSETS:-../shared/assets}
[ -d "$assets" ] || fail "no folder $assets; COMQ_ASSETS names the real weights and images"
set_up tests
cmake -B "$build" -DCOMQ_BUILD_BENCHMARKS=ON >/dev/null || fail "CMake could not add the benchmarks"
compile all

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
peers=false programs=()
if $python; then
    if install_peers; then
        peers=true programs=(--programs "$scratch/programs")
        mkdir "$scratch/programs"
        build/peers/bin/python tests/bench/export_programs.py "$scratch/programs"
    else
        say "pip can't get the peers, so their figures are left out"
    fi
fi
PYTHONPATH=${arrow_dir%/pyarrow} COMQ_ASSETS=$assets "$build/tests/bench/bench_ratios" "${quick[@]}" "${programs[@]}" \
    --json "$scratch/ours.json"
if $peers; then
    build/peers/bin/python tests/bench/python_peers.py --assets "$assets" "${quick[@]}" \
        --json "$scratch/peers.json"
    build/peers/bin/python tests/bench/forward_peers.py "${quick[@]}" --json "$scratch/forwards.json"
fi
/usr/bin/python3 tests/bench/growth_figures.py --programs "$build/bin" --scratch "$scratch" "${quick[@]}" \
    --json "$scratch/growth.json"
python3 tests/bench/join_figures.py "$scratch" ${json:+--json "$json"}
