# shellcheck shell=bash
# What the checks of check_cluster.sh share: sweeps in $folder, points, processes.

fail() {
    printf 'failed: %s\nsee %s\n' "$*" "$folder" >&2
    exit 1
}

# A sweep of the demo transformer: NAME, YAML of what varies, keys of its experiment.
sweep() {
    cat >"$folder/$1.yaml" <<END
config: configs/demo_vit_4bit.yaml
folder: $folder/$1
overrides: {$3}
$2
END
}
submit() { run_sweep "$folder/$1.yaml" --launcher slurm "${@:2}"; }
# How many points of a sweep are in a state. That some have failed is no error here.
count() {
    { sweep_status "$folder/$1.yaml" --json "${@:3}" 2>/dev/null || true; } |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["counts"][sys.argv[1]])' "$2"
}
wait_for() {
    local seconds=$1
    shift
    for _ in $(seq $((seconds * 2))); do
        ! "$@" || return 0
        sleep 0.5
    done
    return 1
}
queue_is_empty() { [ -z "$(squeue --noheader)" ]; }
last_job() { squeue --noheader --format=%F | sort -n | tail -1; }
expect() {
    local found
    found=$(count "$1" "$2" "${@:4}")
    [ "$found" = "$3" ] ||
        fail "$1: $found points are $2, not $3: $(sweep_status "$folder/$1.yaml" "${@:4}")"
}

kept_something() { compgen -G "$folder/$1/$2.h5.parts/*.safetensors" >/dev/null; } # NAME ID
point_ids() {
    { sweep_status "$folder/$1.yaml" --json || true; } |
        python3 -c 'import json, sys; print(*[p["point"] for p in json.load(sys.stdin)["points"]])'
}
# The codes of two folders of results are equal.
same_codes() {
    local result
    for result in "$1"/*.h5; do
        compare_results "$result" "$2/$(basename "$result")" --json |
            python3 -c 'import json, sys; sys.exit(not all(layer["same_weights"] for layer in json.load(sys.stdin)["layers"]))' ||
            fail "$(basename "$result") has other codes in $2"
    done
}

# Runs of this check, not those of other sweeps of the machine.
own_processes() {
    local process
    for process in $(pgrep -x run_experiment); do
        [[ $(readlink "/proc/$process/cwd") != "$folder"/* ]] || echo "$process"
    done
}
# The process of a point of this check's sweep, once there is one: NAME ID
process_of() {
    local process
    for process in $(pgrep -f "run_experiment points/$2.yaml --resume"); do
        [ "$(readlink "/proc/$process/cwd")" != "$folder/$1" ] || echo "$process"
    done | tail -1
}
runs() { [ -n "$(process_of "$1" "$2")" ]; }
variable_of() { tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"; }
# USR1, which a stopped process takes when it goes on.
is_warned() {
    local pending
    pending=$(awk '$1 == "ShdPnd:" {print $2}' "/proc/$1/status")
    ((0x$pending >> ($(kill -l USR1) - 1) & 1))
}
