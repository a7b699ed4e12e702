# shellcheck shell=bash
# What the scheduler does to the tasks of a sweep, and what several submitters do to it.

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
    echo "$(variable_of "$1" SLURM_ARRAY_JOB_ID)_$(variable_of "$1" SLURM_ARRAY_TASK_ID)"
}
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
    # Since it waited, or to continue where it was the one that evaluated full precision.
    grep -q "^requeued " "$folder/collector/logs/$task.log" || fail "task $task was not requeued"
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
