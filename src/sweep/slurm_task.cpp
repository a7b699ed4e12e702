#include "sweep/slurm_task.hpp"

#include <fmt/format.h>

#include "core/child_process.hpp"
#include "sweep/slurm_settings.hpp"

namespace comq {

namespace {

constexpr const char* shared_suffix = ".shared";

// sbatch hands on the environment it was called in, which may say of another job step that it has
// many ranks.
constexpr const char* alone = R"sh(
unset SLURM_STEP_ID SLURM_PROCID SLURM_STEP_NUM_TASKS ${!PMI_@} ${!PMI2_@} ${!PMIX_@} ${!OMPI_COMM_WORLD_@}
)sh";

// A signal that comes while a line of slurm.setup runs is dealt with after that.
constexpr const char* head = R"sh(
task=${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID
mine=("${{points[@]:SLURM_ARRAY_TASK_ID * {per_task}:{per_task}}}")
folder={folder}
task_log=$folder/logs/$task.log
times=$folder/slurm/$task.$$.time
mkdir -p "$folder/slurm" && echo "{cores} $(date +%s)" >"$times"
trap 'date +%s >>"$times"' EXIT

signals=0
warned=false
cancelled=false
child=
forward() {{
    signals=$((signals + 1))
    [ -z "$child" ] || kill -s "$1" "$child"
}}
trap 'warned=true; forward USR1' USR1
trap 'cancelled=true; forward TERM' TERM

# Writes down how an attempt at a point ended, for sweep_status: POINT CODE LOG
write_end() {{
    local file=$folder/points/$1{suffix}.exit
    {{ printf '%s\n%s\n' "$2" "$3" >"$file.$$" && mv "$file.$$" "$file"; }} || rm -f "$file.$$"
}}
setup_failed() {{
    echo "error: slurm.setup: '$1' failed with exit code $2"
    for point in "${{mine[@]}}"; do
        [ -e "$folder/$point.h5" ] || write_end "$point" 1 "$task_log"
    done
    exit 1
}}
)sh";

// Functions of login shells, which batch scripts are not given.
constexpr const char* login_functions = R"sh(
if ! type module >/dev/null 2>&1; then
    for file in /etc/profile.d/*modules.sh /etc/profile.d/*lmod.sh; do
        [ ! -r "$file" ] || . "$file"
    done
fi
if [ "$(type -t conda)" != function ] && [ -n "$CONDA_EXE" ]; then
    eval "$("$CONDA_EXE" shell.bash hook)"
fi
)sh";

// Bash returns from `wait` when a trap has run; the program is waited for until it has ended. A
// task that stopped at its time limit without finishing any part would do so for ever; one that
// waited for what another computes has had no time limit of its own, nor had a point that began
// after others. Slurm takes back even a task that somebody has cancelled.
constexpr const char* body = R"sh(
cd "$folder" || exit 1
ended=0 worst=0
export SRUN_CPUS_PER_TASK={cpus}  # srun does not take it from the job any more
got_on() {{
    [ -n "$(find "$1.h5.parts" \( -name '*.safetensors' -o -name cached \) -newer "$begun" 2>/dev/null)" ]
}}
waited() {{
    [ -n "$(find "$1.h5.parts" -name waited -newer "$begun" 2>/dev/null)" ]
}}
# The TERM of scancel, not that of a time limit or of a preemption with time to end in.
was_cancelled() {{
    $cancelled && scontrol show job "$task" 2>/dev/null | grep JobState=COMPLETING |
        grep -qv Reason=TimeLimit
}}
# Ends the task if Slurm takes it back: WHY
requeue() {{
    echo "requeued $1"
    ! scontrol requeue "$task" || exit 0
}}

run_point() {{
    local point=$1 seen
    rm -f "points/$point{suffix}.exit"
    begun=points/$point{suffix}.begun
    touch "$begun"
    {program} "points/$point.yaml" --resume --threads {cpus}{options} &
    child=$!
    [ "$signals" = 0 ] || kill -s TERM "$child"
    while
        seen=$signals
        wait "$child"
        code=$?
        [ "$signals" != "$seen" ]
    do :; done
    child=
    # One that was still loading has no handler of its own yet.
    if [ "$signals" != 0 ] && {{ [ "$code" = 138 ] || [ "$code" = 143 ]; }}; then code=75; fi

    if [ "$code" = 75 ] && $warned && ! was_cancelled; then
        if got_on "$point" || [ "$ended" != 0 ]; then
            requeue "to continue"
        elif waited "$point"; then
            requeue "since it waited for what another point computes"
        else
            echo "error: the time limit is too short to finish anything; raise slurm.time"
            code=1
        fi
    fi
    rm -f "$begun"
    write_end "$point" "$code" "$log"
    [ "$code" = 0 ] || worst=$code
    ended=$((ended + 1))
}}

for point in "${{mine[@]}}"; do
    log={log}
    if [ -e "$point.h5" ]; then
        echo "$point is finished already"
        continue
    fi
    ! {{ $cancelled && [ "$ended" != 0 ]; }} || break
    {next}
    run_point "$point" {redirection}
done
exit "$worst"
)sh";

// A task that was requeued does not try again what failed before that.
constexpr const char* next_of_several =
    R"sh(! { [ "$(sed -n 2p "points/$point.exit" 2>/dev/null)" = "$log" ] && [ "$(head -n 1 "points/$point.exit")" != 75 ]; } || continue
    if $warned && [ "$ended" != 0 ]; then requeue "for the points that are left"; fi)sh";

}  // namespace

std::string alone_text() { return alone; }

// A comment may close such a line.
std::string setup_text(const std::vector<std::string>& lines) {
    std::string text = lines.empty() ? "" : login_functions;
    for (const auto& line : lines) {
        text += fmt::format("{{ {}\n}} || setup_failed {} $?\n", line, shell_quoted(line));
    }
    return text;
}

std::string task_text(const PointSet& set, const std::filesystem::path& program, int cpus,
                      SlurmWork work) {
    const bool shared = work == SlurmWork::shared;
    const int per_task = points_per_task(set, work);
    const std::string prefix = run_prefix(set.slurm);
    const std::string started = (prefix.empty() ? "" : prefix + " ") +
                                shell_quoted(set.slurm.program.value_or(program.string()));
    std::string options = set.restart_elsewhere ? " --restart-elsewhere" : "";
    if (shared) options += " --shared-only";
    const char* suffix = shared ? shared_suffix : "";
    return alone_text() +
           fmt::format(head, fmt::arg("folder", shell_quoted(set.folder.string())),
                       fmt::arg("per_task", per_task), fmt::arg("cores", cpus * set.slurm.ranks),
                       fmt::arg("suffix", suffix)) +
           setup_text(set.slurm.setup) +
           fmt::format(
               body, fmt::arg("program", started), fmt::arg("cpus", cpus),
               fmt::arg("options", options), fmt::arg("suffix", suffix),
               fmt::arg("log", per_task == 1 ? "$task_log" : "$folder/logs/$task-$point.log"),
               fmt::arg("next", per_task == 1 ? ":" : next_of_several),
               fmt::arg("redirection", per_task == 1 ? "" : ">>\"$log\" 2>&1"));
}

}  // namespace comq
