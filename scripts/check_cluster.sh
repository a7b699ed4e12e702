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
for part in functions queue tasks ranks chaos; do
    # shellcheck source=/dev/null
    source "$source_folder/scripts/cluster/$part.sh"
done
for check in "${checks[@]}"; do
    declare -F "check_$check" >/dev/null || {
        echo "there is no check $check (see --help)" >&2
        exit 2
    }
done

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

for check in "${checks[@]}"; do
    echo "== $check"
    "check_$check"
done
trap - EXIT
stop
rm -rf "$folder"
echo "all is as it should be"
