# shellcheck shell=bash
# What the tasks and jobs of a sweep do beside computing one point each.

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
