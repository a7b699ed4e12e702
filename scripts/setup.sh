#!/usr/bin/env bash
# Everything from a bare Debian or Ubuntu machine to a run_experiment that works as typed.
set -euo pipefail
source "$(dirname "$0")/functions.sh"

usage() {
    cat <<'END'
usage: scripts/setup.sh [--libtorch pip|debian|python|DIR] [--preset release|dev|asan|tsan] [--no-install]

Installs missing packages (apt, as root or with sudo), fetches LibTorch, configures, builds and
installs into ~/.local (root: /usr/local). What is there already is left alone.

--libtorch pip      PyTorch 2.13.0, CPU build, fetched with pip into build/ (the default)
           debian   the distribution's package libtorch-dev (1.13.1 on Debian 12)
           python   the PyTorch that python3 imports, for example a CUDA build
           DIR      an unpacked LibTorch (also: COMQ_LIBTORCH=DIR)
           The choice is remembered; each has its own folder under build/.
--preset   CMakePresets.json; only release is installed
--no-install        stop after the build

COMQ_PREFIX=DIR installs elsewhere.
END
}

choice='' preset=release install=true
while [ $# -gt 0 ]; do
    if parse_build_option "$@"; then
        shift "$consumed"
        continue
    fi
    case $1 in
        --no-install) install=false && shift ;;
        -h | --help) usage && exit ;;
        *) fail "unknown argument $1 (see --help)" ;;
    esac
done

choose_libtorch "$choice" "$preset"
set_up programs
if [ -n "$choice" ]; then remember_libtorch; fi
if $install && [ "$preset" = release ]; then install_programs; fi
say "ready in $build"
