#!/usr/bin/env bash
# A private Slurm of one node on this machine, for whoever has no cluster.
set -euo pipefail

usage() {
    cat <<'END'
usage: scripts/start_local_slurm.sh [--cpus N] [--set KEY=VALUE]... [FOLDER]
       scripts/start_local_slurm.sh --stop [FOLDER]

Starts munged, slurmctld and slurmd of the packages slurm-wlm and munge with their own sockets,
ports and state in FOLDER (default: ~/.cache/comq/slurm), so that no other Slurm is touched, and
prints how to use them:

    eval "$(scripts/start_local_slurm.sh)"      # in every terminal that is to use it
    run_sweep experiments/order_bits.yaml --launcher slurm

--cpus N          cores the node has (default: all)
--set KEY=VALUE   one more line of slurm.conf, to try a limit of your cluster: MaxArraySize=100
--stop            stops what was started in FOLDER, its tasks included; its jobs are lost
END
}

fail() {
    printf 'start_local_slurm.sh: error: %s\n' "$*" >&2
    exit 1
}

folder=${XDG_CACHE_HOME:-$HOME/.cache}/comq/slurm cpus='' settings='' stop=false
while [ $# -gt 0 ]; do
    case $1 in
        --cpus)
            [ $# -ge 2 ] || fail "--cpus needs a number"
            cpus=$2 && shift
            ;;
        --set)
            [[ ${2:-} == *=* ]] || fail "--set needs KEY=VALUE"
            settings+=$2$'\n' && shift
            ;;
        --stop) stop=true ;;
        -h | --help) usage && exit ;;
        -*) fail "unknown option $1 (see --help)" ;;
        *) folder=$1 ;;
    esac
    shift
done
folder=$(realpath -m "$folder")

export SLURM_CONF=$folder/slurm.conf

say_environment() {
    echo "export SLURM_CONF=$(printf %q "$SLURM_CONF")"
}

# The process of a pid file while it is still the daemon that was started.
process_of() {
    local pid
    pid=$(cat "$folder/$1.pid" 2>/dev/null) || return 0
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
}

# Ends processes, by force where they don't within 10 s.
end() {
    local pid
    for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
    for pid in "$@"; do
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
}

# A process and all that it started, itself first.
family() {
    local child
    echo "$1"
    for child in $(pgrep -P "$1"); do family "$child"; done
}

# What runs the tasks of this Slurm, which outlives slurmd: its log is slurmd's.
step_daemons() {
    local pid
    for pid in $(pgrep slurmstepd); do
        if find "/proc/$pid/fd" -lname "$folder/*" 2>/dev/null | grep -q .; then echo "$pid"; fi
    done
}

stop_all() {
    local daemon pid tasks=()
    if [ -n "$(process_of slurmctld)" ]; then
        timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
        for _ in $(seq 100); do
            [ -n "$(timeout 10 squeue --noheader 2>/dev/null)" ] || break
            sleep 0.1
        done
    fi
    for pid in $(step_daemons); do mapfile -t -O ${#tasks[@]} tasks < <(family "$pid"); done
    end "${tasks[@]}"
    for daemon in slurmd slurmctld munged; do
        pid=$(process_of $daemon)
        [ -z "$pid" ] || end "$pid"
        rm -f "$folder/$daemon.pid"
    done
    [ ! -e "$SLURM_CONF" ] || rm -rf "$folder"/{state,spool}
}

if $stop; then
    stop_all
    exit
fi

# Debian keeps daemons where only root looks.
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || fail "there is no $program; install slurm-wlm and munge"
done
if [ -n "$(process_of slurmctld)" ] && [ -n "$(process_of slurmd)" ]; then
    [ -z "$cpus$settings" ] || fail "$folder is in use; stop it first with --stop"
    say_environment
    exit
fi
stop_all # what a machine that went down has left
cpus=${cpus:-$(nproc)}

# A free port of the 6000 from $1 on.
free_port() {
    local port
    while :; do
        port=$(($1 + RANDOM % 6000))
        # A refused connection means that nobody listens.
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo $port
}

mkdir -p "$folder"/{state,spool}
chmod 755 "$folder"
user=$(id -un)
host=$(hostname -s)
head -c 64 /dev/urandom >"$folder/munge.key"
chmod 600 "$folder/munge.key"
memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)

cat >"$folder/slurm.conf" <<END
ClusterName=comq
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port 20000)
SlurmdPort=$(free_port 26000)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=10
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
KillWait=5
MinJobAge=300
SchedulerParameters=sched_interval=2,batch_sched_delay=0,bf_interval=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=local Nodes=$host Default=YES MaxTime=INFINITE State=UP
$settings
END

munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" \
    --seed-file="$folder/munged.seed" || fail "munged did not start; see $folder/munged.log"
slurmctld -f "$folder/slurm.conf" || fail "slurmctld did not start; see $folder/slurmctld.log"
slurmd -f "$folder/slurm.conf" || fail "slurmd did not start; see $folder/slurmd.log"

for _ in $(seq 300); do
    # Of other nodes and partitions that --set may have made nothing is waited for.
    if [ "$(sinfo --noheader --nodes="$host" --format=%T 2>/dev/null | sort -u)" = idle ]; then
        say_environment
        exit
    fi
    sleep 0.1
done
"$0" --stop "$folder"
fail "the node did not come up; see $folder/slurmd.log and $folder/slurmctld.log"
