# shellcheck shell=bash
# Disturbances at random.

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
