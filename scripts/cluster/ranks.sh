# shellcheck shell=bash
# Points over two ranks.

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
is_gone() { ! kill -0 "$1" 2>/dev/null; }

check_ranks_warned() {
    sweep ranks_warned 'grid: {quantization.bits: [2, 3, 4]}
slurm: {cpus: 1, ranks: 2, time: "1", lead_time: 20, options: [--oversubscribe], shared_first: false}' \
        "calibration.images: 64, evaluation.images: 2000, resources.cache: null"
    submit ranks_warned
    local job ids both busy rank task
    job=$(last_job)
    scontrol hold "${job}_2"  # until the others are done with
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
    scontrol release "${job}_2"
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
