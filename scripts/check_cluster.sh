#!/usr/bin/env bash
# What happens to sweeps on a cluster, tried with a Slurm of this machine: what takes too long for
# the tests.
set -euo pipefail

usage() {
    cat <<'END'
usage: scripts/check_cluster.sh [--minutes N] [CHECK]...

Checks, all of them by default:
  collector   the task that collects what points share is requeued, and the one that takes over
              comes to its time limit: nobody fails
  shared      the job that computes what points share is requeued: the array waits for it
  controller  slurmctld dies and returns: no point counts as failed meanwhile
  cancelled   tasks that are cancelled while they wait leave their points as they were, and one
              that is cancelled after its warning does not come back
  names       folders whose names Slurm's patterns or comments would change
  submitters  three run_sweep at once submit each point once
  packing     tasks of several points: a point is killed, a task warned, nothing else is lost
  last        the last job submits again what was killed, writes tables, report and summary, and
              has Slurm mail its end
  ranks       a point over two ranks has the codes of one process
  ranks_warned
              points over two ranks come to their time limit, while both or one of the ranks can
              answer, and are requeued: each continues to the codes of one process
  paths       $TMPDIR of a task in data.root, where slurm.setup unpacks a tar: the same codes
  chaos       kills, requeues, cancels and warnings at random for --minutes (10) over 20 points,
              anew in another folder whenever all have finished: all codes are those of a local run
  packed_time 60 short points on 2 cores, a task each against ten a task behind one job for what
              they share: wall clocks of both; only when it alone is named

Programs: those of build/release/bin, else of the PATH. The Slurm is a private one
(start_local_slurm.sh), stopped at the end.
END
}

checks=() minutes=10
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=$2 && shift ;;
        -h | --help) usage && exit ;;
        -*) usage >&2 && exit 2 ;;
        *) checks+=("$1") ;;
    esac
    shift
done
[ ${#checks[@]} -gt 0 ] || checks=(collector shared controller cancelled names submitters packing last
    ranks ranks_warned paths chaos)

source_folder=$(realpath "$(dirname "$0")/..")
export COMQ_SITE='' # what a site says of its own Slurm
export COMQ_DATA=${COMQ_DATA:-$source_folder}
PATH=$source_folder/build/release/bin:$PATH
folder=$(mktemp -d "${TMPDIR:-/tmp}/comq_cluster.XXXXXX")
start=$source_folder/scripts/start_local_slurm.sh

stop() { "$start" --stop "$folder/slurm"; }
trap stop EXIT
cpus=4
[ "${checks[*]}" != packed_time ] || cpus=2
# A mailer that writes down what it is called with.
printf '#!/bin/bash\nprintf "%%s\\n" "$*" >>%q\n' "$folder/mails" >"$folder/mailer"
chmod +x "$folder/mailer"
eval "$("$start" --cpus $cpus --set "MailProg=$folder/mailer" "$folder/slurm")"

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

# The process that has a lock in the cache of a sweep: the others wait for what it computes.
collecting() {
    lslocks --noheadings --notruncate --output PID,PATH |
        awk -v cache="$folder/$1/cache/" 'index($2, cache) == 1 {print $1; exit}'
}
# Waits until a process of the sweep $1 collects, other than $2, and stops it, so that it gets no
# further.
hold_collector() {
    local holder
    for _ in $(seq 1200); do
        holder=$(collecting "$1")
        if [ -n "$holder" ] && [ "$holder" != "$2" ] && kill -STOP "$holder" 2>/dev/null; then
            echo "$holder"
            return
        fi
        sleep 0.05
    done
    fail "nothing collects: $(sweep_status "$folder/$1.yaml")"
}
# The task that a process belongs to: "12_3".
task_of() {
    tr '\0' '\n' <"/proc/$1/environ" | awk -F= '$1 == "SLURM_ARRAY_JOB_ID" {job = $2}
        $1 == "SLURM_ARRAY_TASK_ID" {task = $2} END {print job "_" task}'
}
# USR1, which a stopped process takes when it goes on.
is_warned() {
    local pending
    pending=$(awk '$1 == "ShdPnd:" {print $2}' "/proc/$1/status")
    ((0x$pending >> ($(kill -l USR1) - 1) & 1))
}
kept_something() { compgen -G "$folder/$1/$2.h5.parts/*.safetensors" >/dev/null; } # NAME ID
waiting_points() { [ "$(grep -ls "waiting for" "$folder/$1"/logs/*.log | wc -l)" = "$2" ]; }

check_collector() {
    sweep collector 'grid: {quantization.bits: [2, 3, 4]}
slurm: {cpus: 1, time: "1", lead_time: 10, options: [--oversubscribe], shared_first: false}' \
        "quantization.method: rtn, calibration.images: 512, evaluation.images: 20"
    submit collector
    local first second task
    first=$(hold_collector collector 0)
    wait_for 60 waiting_points collector 2 || fail "the other points do not wait"
    scontrol requeue "$(task_of "$first")"
    second=$(hold_collector collector "$first")
    task=$(task_of "$second")
    wait_for 90 is_warned "$second" || fail "Slurm did not warn task $task of its time limit"
    kill -CONT "$second"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    grep -q "^requeued since it waited" "$folder/collector/logs/$task.log" ||
        fail "task $task was not requeued for having waited"
    expect collector finished 3
}

check_shared() {
    sweep shared 'grid: {quantization.bits: [2, 3, 4]}
slurm: {cpus: 1, time: "2", lead_time: 10, options: [--oversubscribe]}' \
        "quantization.method: rtn, calibration.images: 512, evaluation.images: 20"
    submit shared
    local holder
    holder=$(hold_collector shared 0)
    scontrol requeue "$(task_of "$holder")"
    [ "$(squeue --noheader --array --format=%r --states=PENDING | grep -c Dependency)" = 3 ] ||
        fail "the points do not wait: $(squeue --array)"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    expect shared finished 3
    ! grep -ls "waiting for" "$folder"/shared/logs/*.log || fail "a point waited for another"
}

check_controller() {
    sweep controller 'grid: {quantization.bits: [2, 3, 4]}
slurm: {cpus: 1, options: [--hold], shared_first: false}' \
        "calibration.images: 16, evaluation.images: 64"
    submit controller
    sleep 8  # slurmctld saves what it knows every 5 s
    kill -9 "$(cat "$folder/slurm/slurmctld.pid")"
    expect controller queued 3
    [ "$(count controller failed)" = 0 ] || fail "points count as failed without a controller"
    slurmctld_again
    wait_for 60 squeue >/dev/null 2>&1
    expect controller queued 3
    scontrol release "$(last_job)"
    wait_for 120 queue_is_empty
    expect controller finished 3
}
slurmctld_again() { PATH=$PATH:/usr/sbin:/sbin slurmctld -f "$SLURM_CONF"; }

check_cancelled() {
    sweep cancelled 'grid: {quantization.bits: [2, 3]}
slurm: {cpus: 1, options: [--hold], shared_first: false}' \
        "calibration.images: 16, evaluation.images: 64"
    submit cancelled
    scancel "$(last_job)"
    wait_for 30 queue_is_empty
    expect cancelled waiting 2
    expect cancelled failed 0
    # One that was warned would come back if it asked Slurm for it.
    sweep warned_cancelled 'grid: {quantization.bits: [2]}
slurm: {cpus: 1, shared_first: false}' "calibration.images: 16, evaluation.images: 2000"
    submit warned_cancelled
    local id process
    id=$(point_ids warned_cancelled)
    wait_for 60 kept_something warned_cancelled "$id" || fail "the point does not begin"
    process=$(process_of warned_cancelled "$id")
    kill -STOP "$process"
    scancel --signal=USR1 --batch "$(last_job)_0"
    wait_for 30 is_warned "$process" || fail "the warning does not come to the program"
    scancel "$(last_job)"
    wait_for 60 queue_is_empty || fail "it comes back: $(squeue)"
    expect warned_cancelled interrupted 1
}

check_names() {
    local name
    for name in 'a %j_%u b' 'a%%b' 'a#b' "a'b" 'a;b $(c)' 'ä,{=}'; do
        sweep names 'grid: {quantization.bits: [2]}
slurm: {cpus: 1}' "calibration.images: 16, evaluation.images: 64"
        submit names "folder=$folder/names/$name"
        wait_for 120 queue_is_empty
        expect names finished 1 "folder=$folder/names/$name"
        [ -n "$(ls "$folder/names/$name/logs")" ] || fail "$name has no log"
    done
    for name in 'back\slash' 'quote"'; do
        ! submit names "folder=$folder/names/$name" 2>/dev/null || fail "$name is not refused"
    done
}

check_submitters() {
    sweep submitters 'grid: {quantization.bits: [2, 3, 4]}
slurm: {cpus: 1, options: [--hold], shared_first: false}' \
        "calibration.images: 16, evaluation.images: 64"
    local jobs=() job
    for _ in 1 2 3; do
        submit submitters &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job" || fail "a run_sweep ended with an error"; done
    [ "$(squeue --noheader --array | wc -l)" = 3 ] || fail "$(squeue --array)"
    scancel "$(last_job)"
    wait_for 30 queue_is_empty
}

# The process of a point of this check's sweep, once there is one: NAME ID
process_of() {
    local process
    for process in $(pgrep -f "run_experiment points/$2.yaml --resume"); do
        [ "$(readlink "/proc/$process/cwd")" != "$folder/$1" ] || echo "$process"
    done | tail -1
}
runs() { [ -n "$(process_of "$1" "$2")" ]; }
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

check_packing() {
    sweep packing 'grid: {quantization.bits: [2, 3, 4, 5, 6, 8]}
slurm: {cpus: 1, points_per_task: 3, options: [--oversubscribe], shared_first: false}' \
        "calibration.images: 64, evaluation.images: ${COMQ_EVALUATED:-1000}"
    submit packing
    local job ids
    job=$(last_job)
    read -ra ids <<<"$(point_ids packing)"
    [ "$(squeue --noheader --array | wc -l)" = 2 ] || fail "$(squeue --array)"
    wait_for 60 runs packing "${ids[0]}" || fail "the first point does not begin"
    kill -9 "$(process_of packing "${ids[0]}")"
    wait_for 120 runs packing "${ids[4]}" || fail "the fifth point does not begin"
    scancel --signal=USR1 --batch "${job}_1"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    grep -qrs "^requeued" "$folder/packing/logs" || fail "no task was requeued"
    expect packing finished 5
    expect packing failed 1
    submit packing
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    expect packing finished 6
}

mailed_twice() {
    [ "$(wc -l <"$folder/mails")" = 2 ] &&
        [ "$(grep -c "^-s Slurm .*Name=last-last Ended.* $(id -un)$" "$folder/mails")" = 2 ]
} 2>/dev/null

check_last() {
    cat >"$folder/last_table.yaml" <<END
title: by bits
measure: top1
set: {calibration: {images: 16}, evaluation: {images: 500}}
columns: [{id: vit, label: demo ViT, config: $source_folder/configs/demo_vit_4bit.yaml}]
rows:
  - {id: two, label: 2 bits, set: {quantization: {bits: 2}}}
  - {id: three, label: 3 bits, set: {quantization: {bits: 3}}}
END
    sweep last "grid: {quantization.bits: [2, 3]}
slurm: {cpus: 1, options: [--oversubscribe], shared_first: false, retries: 2, backoff: 1,
  last: {collect: true, report: true, table: $folder/last_table.yaml, mail: $(id -un)}}" \
        "calibration.images: 16, evaluation.images: 500"
    submit last
    local ids
    read -ra ids <<<"$(point_ids last)"
    wait_for 60 runs last "${ids[0]}" || fail "the first point does not begin"
    kill -9 "$(process_of last "${ids[0]}")"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    expect last finished 2
    local file
    for file in last.csv last.hdf5 last_table.md report.html summary.json; do
        [ -s "$folder/last/$file" ] || fail "the last job did not write $file"
    done
    python3 -c 'import json, sys
summary = json.load(open(sys.argv[1]))
assert summary["counts"]["finished"] == 2 and summary["attempts"] == 2, summary
assert summary["core_hours"] > 0 and summary["tasks"] == 3, summary' "$folder/last/summary.json"
    # One mail for each of the two last jobs, none for the points.
    wait_for 30 mailed_twice || fail "mails: $(cat "$folder/mails")"
    # A table by its own last job.
    make_tables "$folder/last_table.yaml" --results "$folder/table" --run-missing \
        --launcher slurm slurm.cpus=1 -o "$folder/made.md"
    ! grep -q "^| 2 bits *| *[0-9]" "$folder/made.md" || fail "the table was there at once"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    grep -q "^| 2 bits *| *[0-9]" "$folder/made.md" || fail "no table: $(cat "$folder/made.md")"
}

check_ranks() {
    sweep ranks 'grid: {quantization.bits: [3, 4]}
slurm: {cpus: 1, ranks: 2, points_per_task: 2, options: [--oversubscribe]}' \
        "calibration.images: 64, evaluation.images: 64"
    ! submit ranks slurm.prefix='env X=1' 2>"$folder/refused" || fail "one process for two ranks"
    grep -q "^error: slurm.prefix" "$folder/refused" || fail "$(cat "$folder/refused")"
    submit ranks
    [ "$(squeue --noheader --format=%C)" = 2 ] || fail "not two cores: $(squeue --format=%C)"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    expect ranks finished 2
    run_sweep "$folder/ranks.yaml" "folder=$folder/one_rank" >/dev/null
    same_codes "$folder/one_rank" "$folder/ranks"
}

# The ranks of a point of this check's sweep, the first one first: NAME ID
ranks_of() {
    local process
    for process in $(own_processes); do
        [ "$(readlink "/proc/$process/cwd")" = "$folder/$1" ] || continue
        ! tr '\0' ' ' <"/proc/$process/cmdline" | grep -q "points/$2.yaml --resume" ||
            echo "$(variable_of "$process" SLURM_PROCID) $process"
    done | sort -n | cut -d ' ' -f 2
}
variable_of() { tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"; }
is_gone() { ! kill -0 "$1" 2>/dev/null; }

check_ranks_warned() {
    sweep ranks_warned 'grid: {quantization.bits: [2, 3, 4]}
slurm: {cpus: 1, ranks: 2, time: "1", lead_time: 20, options: [--oversubscribe], shared_first: false}' \
        "calibration.images: 64, evaluation.images: 2000, resources.cache: null"
    submit ranks_warned
    local job ids both busy rank task
    job=$(last_job)
    read -ra ids <<<"$(point_ids ranks_warned)"
    # The second point, while it evaluates: a rank that is busy is ended by the one that answers.
    wait_for 60 kept_something ranks_warned "${ids[1]}" || fail "the second point does not begin"
    busy=$(ranks_of ranks_warned "${ids[1]}" | head -1)
    kill -STOP "$busy"
    scancel --signal=USR1 --batch "${job}_1"
    # The first one: both wait for the warning before the time limit.
    wait_for 60 kept_something ranks_warned "${ids[0]}" || fail "the first point does not begin"
    mapfile -t both < <(ranks_of ranks_warned "${ids[0]}")
    [ ${#both[@]} = 2 ] || fail "not two ranks: ${both[*]}"
    kill -STOP "${both[@]}"
    wait_for 30 is_gone "$busy" || fail "one rank answers, and the other goes on"
    for rank in "${both[@]}"; do
        wait_for 90 is_warned "$rank" || fail "Slurm did not warn task ${job}_0 of its time limit"
    done
    kill -CONT "${both[@]}"
    # The third one is preempted, as soon as it runs and no warning of its own was first.
    wait_for 120 kept_something ranks_warned "${ids[2]}" || fail "the third point does not begin"
    wait_for 120 scontrol requeue "${job}_2" 2>/dev/null || fail "the third point does not run"
    wait_for 900 queue_is_empty || fail "the queue is not empty after 15 minutes"
    for task in 0 1; do
        grep -q "^requeued to continue" "$folder/ranks_warned/logs/${job}_$task.log" ||
            fail "task ${job}_$task was not requeued"
    done
    expect ranks_warned finished 3
    run_sweep "$folder/ranks_warned.yaml" "folder=$folder/not_warned" >/dev/null
    same_codes "$folder/not_warned" "$folder/ranks_warned"
}

check_paths() {
    # Records of CIFAR-10: a label and 32 x 32 pixels of three colours.
    mkdir -p "$folder/images"
    python3 -c 'import random, sys
random.seed(0)
sys.stdout.buffer.write(b"".join(bytes([i % 10]) + random.randbytes(3072) for i in range(100)))' \
        >"$folder/images/batch.bin"
    tar -C "$folder" -cf "$folder/images.tar" images
    sweep paths 'grid: {quantization.bits: [3, 4]}' \
        "data: {layout: cifar10, calibration: batch.bin, evaluation: batch.bin}, calibration.images: 50, evaluation.images: 50, evaluation.allow_chance: true"
    run_sweep "$folder/paths.yaml" "data.root=$folder/images" "folder=$folder/unpacked" >/dev/null
    # shellcheck disable=SC2016  # the node expands them
    submit paths slurm.cpus=1 'data.root=${NODE_FOLDER}/images' \
        "slurm.setup=['export NODE_FOLDER=\$(mktemp -d)', 'tar -xf $folder/images.tar -C \$NODE_FOLDER']"
    wait_for 600 queue_is_empty || fail "the queue is not empty after 10 minutes"
    # shellcheck disable=SC2016
    expect paths finished 2 'data.root=${NODE_FOLDER}/images'
    same_codes "$folder/unpacked" "$folder/paths"
    local result
    for result in "$folder"/unpacked/*.h5; do
        [ "$(identity "$result")" = "$(identity "$folder/paths/$(basename "$result")")" ] ||
            fail "another identity where the images were unpacked by the task"
    done
}
identity() { inspect_results "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["identity"])'; }

check_packed_time() {
    local way settings word begun name
    sweep packed_time 'grid:
  quantization.bits: [2, 3, 4, 5, 6, 8]
  quantization.sweeps: [1, 2, 3, 4, 5]
  quantization.order: [cyclic, greedy]
slurm: {cpus: 1}' "calibration.images: ${COMQ_COLLECTED:-256}, evaluation.images: 64"
    for way in "shared_first=false points_per_task=1" "shared_first=true points_per_task=10"; do
        settings=() begun=$(date +%s)
        for word in $way; do settings+=("slurm.$word"); done
        name=packed_time_${way##*=}
        submit packed_time "folder=$folder/$name" "${settings[@]}" >/dev/null
        wait_for 3000 queue_is_empty || fail "the queue is not empty after 50 minutes"
        echo "$way: $(($(date +%s) - begun)) s"
        expect packed_time finished 60 "folder=$folder/$name"
    done
    same_codes "$folder/packed_time_1" "$folder/packed_time_10"
}

# Runs of this check, not those of other sweeps of the machine.
own_processes() {
    local process
    for process in $(pgrep -x run_experiment); do
        [[ $(readlink "/proc/$process/cwd") != "$folder"/* ]] || echo "$process"
    done
}

declare -A disturbed=([requeues]=0 [cancels]=0 [kills]=0 [warnings]=0)
# Something at random to a task at random, of each four one that waits.
disturb() {
    local task process state=RUNNING kind
    ((RANDOM % 4)) || state=PENDING
    task=$(squeue --noheader --array --states=$state --format=%i | shuf -n 1)
    [ -n "$task" ] || return 0
    case $((RANDOM % 4)) in
        0) kind=requeues && scontrol requeue "$task" ;;
        1) kind=cancels && scancel "$task" ;;
        2) kind=kills && process=$(own_processes | shuf -n 1) && kill -9 "${process:-none}" ;;
        3) kind=warnings && scancel --signal=USR1 --batch "$task" ;;
    esac 2>/dev/null || return 0
    disturbed[$kind]=$((disturbed[$kind] + 1))
}

check_chaos() {
    sweep chaos 'grid: {quantization.bits: [2, 3, 4, 8], seed: [0, 1, 2, 3, 4]}
slurm: {cpus: 1, options: [--oversubscribe]}' \
        "calibration.images: 512, evaluation.images: 2000"
    local end=$((SECONDS + 60 * minutes)) rounds=1 round kind
    while [ $SECONDS -lt $end ]; do
        submit chaos "folder=$folder/chaos/$rounds" >>"$folder/chaos.log"
        for _ in $(seq 5); do
            disturb
            sleep 2
        done
        [ "$(count chaos finished "folder=$folder/chaos/$rounds")" != 20 ] || rounds=$((rounds + 1))
    done
    printf '%s minutes, %s folders' "$minutes" "$rounds"
    for kind in "${!disturbed[@]}"; do printf ', %s %s' "${disturbed[$kind]}" "$kind"; done
    echo
    # What was disturbed last is submitted again once.
    for _ in 1 2; do
        wait_for 1200 queue_is_empty || fail "the queue is not empty"
        submit chaos "folder=$folder/chaos/$rounds" >>"$folder/chaos.log"
    done
    run_sweep "$folder/chaos.yaml" "folder=$folder/calm" >"$folder/calm.log" 2>&1
    for round in $(seq "$rounds"); do
        expect chaos finished 20 "folder=$folder/chaos/$round"
        same_codes "$folder/calm" "$folder/chaos/$round"
    done
}

for check in "${checks[@]}"; do
    declare -F "check_$check" >/dev/null || fail "there is no check $check (see --help)"
    echo "== $check"
    "check_$check"
done
trap - EXIT
stop
rm -rf "$folder"
echo "all is as it should be"
