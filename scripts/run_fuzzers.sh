#!/usr/bin/env bash
# Searches with libFuzzer for files that readers of comq crash on, hang on or take too much memory for.
set -euo pipefail
source "$(dirname "$0")/functions.sh"

subjects_known=(checkpoint safetensors npz torch_pickle tar image config sweep table program result result_bytes)

usage() {
    cat <<END
usage: scripts/run_fuzzers.sh [--seconds N] [--libtorch pip|debian|python|DIR] [SUBJECT]...

Runs each target of tests/fuzz for N seconds (60), from its examples and from what earlier runs found
worth keeping (build/fuzz/corpus), and prints a line for each. Ends in 1 and names the input where one
crashes, hangs or takes too much memory. Such an input goes to tests/fuzz/found/SUBJECT, where the
tests repeat it from then on; build/fuzz/bin/fuzz_SUBJECT FILE repeats it alone.

Subjects: ${subjects_known[*]}
END
}

choice='' preset=fuzz seconds=60 subjects=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=${2:?--seconds needs a number} && shift ;;
        --libtorch) choice=${2:?--libtorch needs a value} && shift ;;
        --libtorch=*) choice=${1#*=} ;;
        -h | --help) usage && exit ;;
        *)
            case " ${subjects_known[*]} " in *" $1 "*) ;; *) fail "no subject $1 (see --help)" ;; esac
            subjects+=("$1")
            ;;
    esac
    shift
done
[[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "--seconds $seconds: expected a whole number"
[ ${#subjects[@]} -gt 0 ] || subjects=("${subjects_known[@]}")

# The words in quotes of sources, keys and values of a format among them, as a dictionary.
words_of() {
    grep -ohE '"[A-Za-z0-9_.]{2,40}"' "$@" | sort -u
}

# Where a mutation helps that knows words of the format.
write_dictionary() { # SUBJECT
    case $1 in
        config) words_of src/*/*_keys.cpp ;;
        sweep) words_of src/*/*_keys.cpp src/sweep/{sweep_spec,launch_settings,slurm_settings}.cpp ;;
        table) words_of src/table/table_spec.cpp src/results/figures.cpp src/quantization/*_keys.cpp ;;
        program) words_of src/networks/programs/*.cpp src/networks/describe_model.cpp ;;
        safetensors | npz) words_of src/storage/{safetensors,host_tensor,float8}.cpp src/weights/npz.cpp ;;
        torch_pickle | checkpoint) words_of src/weights/{state_dict,torch_pickle}.cpp ;;
        tar) printf '"%s"\n' .jpg .tar ustar 'path=' 'linkpath=' 'size=' GNU.sparse. ;;
        image) printf '"%s"\n' IHDR IDAT PLTE tRNS 'VP8 ' VP8L VP8X 'II*\x00' 'MM\x00*' BM P1 P3 P6 ;;
    esac
}

# Megabytes of one allocation, of all together, and the longest input in bytes. LibTorch takes 300 MB
# by itself; a compressed entry of a zip archive or an HDF5 file may hold 1032 times its size.
limits_of() { # SUBJECT
    case $1 in
        program) echo 128 2048 65536 ;;
        result_bytes) echo 128 1024 131072 ;;
        image) echo 128 1024 16384 ;;
        *) echo 128 1024 32768 ;;
    esac
}

run_target() { # SUBJECT
    local folder=$build/corpus/$1 seeds=$build/seeds/$1 found=$build/found/$1 log=$build/logs/$1.log
    local of pattern malloc memory length status=0 executed coverage input dictionary=()
    mkdir -p "$folder" "$found" "$build/logs"
    rm -rf "$seeds" && mkdir -p "$seeds"
    while read -r of pattern; do
        # shellcheck disable=SC2086 # the pattern is one
        if [ "$of" = "$1" ]; then cp --backup=numbered $pattern "$seeds"; fi
    done <tests/fuzz/seeds.txt
    find "tests/fuzz/found/$1" -type f -exec cp --backup=numbered {} "$seeds" \; 2>/dev/null || true
    write_dictionary "$1" >"$build/$1.dict"
    # libFuzzer ends where a dictionary is empty.
    if [ -s "$build/$1.dict" ]; then dictionary=("-dict=$build/$1.dict"); fi
    # What HDF5 forgets of a damaged file is its own; what readers forget to close it still knows.
    echo 'leak:libhdf5' >"$build/leaks"
    read -r malloc memory length < <(limits_of "$1")
    # Inputs are of a few kilobytes: seconds of one are a hang, even on a busy machine.
    env HOME=/nonexistent XDG_CONFIG_HOME= COMQ_SITE= COMQ_DATA="$source_folder" OMP_NUM_THREADS=1 \
        OPENBLAS_NUM_THREADS=1 ASAN_OPTIONS=quarantine_size_mb=64:allocator_may_return_null=1:detect_leaks=1 \
        LSAN_OPTIONS="suppressions=$build/leaks:print_suppressions=0" \
        "$build/bin/fuzz_$1" -max_total_time="$seconds" -timeout=25 -rss_limit_mb="$memory" \
        -malloc_limit_mb="$malloc" -max_len="$length" "${dictionary[@]}" -artifact_prefix="$found/" \
        -print_final_stats=1 "$folder" "$seeds" >"$log" 2>&1 || status=$?
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/^#.* cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
    local line
    line=$(printf '%-13s %9s inputs in %4d s, %6s edges' "$1:" "${executed:-no}" "$seconds" "${coverage:-no}")
    # Slow inputs are kept there too, and are no finding.
    input=$(sed -n '/slow-unit-/d; s/.*Test unit written to //p' "$log" | tail -1)
    if [ $status -eq 0 ]; then
        say "$line, nothing found"
    elif [ -n "$input" ]; then
        say "$line, FOUND $input (see $log)"
    else
        say "$line, NOT RUN to the end (see $log)"
    fi
    return $status
}

choose_libtorch "$choice" "$preset"
set_up fuzzers
failed=0
for subject in "${subjects[@]}"; do
    run_target "$subject" || failed=1
done
exit $failed
