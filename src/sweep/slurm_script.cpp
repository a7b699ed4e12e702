#include "sweep/slurm_script.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/child_process.hpp"
#include "points/point_status.hpp"

namespace comq {

namespace {

// Bash returns from `wait` when a trap has run; the program is waited for until it has ended. A
// task that stopped at its time limit without finishing any part would do so for ever. sbatch hands
// on the environment it was called in, which may say of another job step that it has many ranks.
constexpr const char* body = R"sh(
unset SLURM_STEP_ID SLURM_PROCID SLURM_STEP_NUM_TASKS ${{!PMI_@}} ${{!PMI2_@}} ${{!PMIX_@}} ${{!OMPI_COMM_WORLD_@}}
point=${{points[$SLURM_ARRAY_TASK_ID]}}
log=logs/${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID.log
cd {folder} || exit 1
if [ -e "$point.h5" ]; then
    echo "$point is finished already"
    exit 0
fi
rm -f "points/$point.exit"
begun=points/$point.begun
touch "$begun"
got_on() {{
    [ -n "$(find "$point.h5.parts" -name '*.safetensors' -newer "$begun" 2>/dev/null)" ]
}}

signals=0
warned=false
forward() {{
    signals=$((signals + 1))
    kill -s "$1" "$child"
}}
trap 'warned=true; forward USR1' USR1
trap 'forward TERM' TERM
{program} "points/$point.yaml" --resume --threads {cpus} &
child=$!
while
    seen=$signals
    wait "$child"
    code=$?
    [ "$signals" != "$seen" ]
do :; done

if [ "$code" = 75 ] && $warned; then
    if got_on; then
        echo "requeued to continue"
        scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" && exit 0
    else
        echo "error: the time limit is too short to finish anything; raise slurm.time"
        code=1
    fi
fi
rm -f "$begun"
printf '%s\n%s\n' "$code" "$PWD/$log" >"points/$point.exit.$$" && mv "points/$point.exit.$$" "points/$point.exit"
exit "$code"
)sh";

/** A value of an #SBATCH line, which sbatch splits at blanks outside quotes. */
std::string sbatch_quoted(const std::string& value) {
    return value.find_first_of(" \t'") == std::string::npos ? value : "\"" + value + "\"";
}

std::string directives(const PointSet& sweep, std::size_t tasks, int cpus) {
    const SlurmSettings& slurm = sweep.slurm;
    std::string text;
    const auto add = [&](const std::string& option) { text += "#SBATCH " + option + "\n"; };
    const auto add_value = [&](const char* option, const std::string& value) {
        add(fmt::format("--{}={}", option, sbatch_quoted(value)));
    };
    const auto add_given = [&](const char* option, const std::optional<std::string>& value) {
        if (value) add_value(option, *value);
    };
    add_value("job-name", sweep.name);
    add_value("array", fmt::format("0-{}{}", tasks - 1,
                                   slurm.concurrent > 0 ? fmt::format("%{}", slurm.concurrent)
                                                        : std::string()));
    add_value("output", (point_files::logs(sweep) / "%A_%a.log").string());
    add("--open-mode=append");
    add("--requeue");
    add(fmt::format("--signal=B:USR1@{}", slurm.lead_time));
    add("--ntasks=1");
    add(fmt::format("--cpus-per-task={}", cpus));
    add_given("partition", slurm.partition);
    add_given("account", slurm.account);
    add_given("time", slurm.time);
    add_given("mem", slurm.memory);
    add_given("gres", slurm.gres);
    for (const auto& option : slurm.options) add(option);
    return text;
}

}  // namespace

std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const std::filesystem::path& program, int cpus) {
    std::string list;
    for (const auto i : points) list += "    " + sweep.points[i].id + "\n";
    std::string setup;
    for (const auto& line : sweep.slurm.setup) setup += line + "\n";
    return fmt::format("#!/bin/bash\n{}\npoints=(\n{})\n{}", directives(sweep, points.size(), cpus),
                       list, setup) +
           fmt::format(body, fmt::arg("folder", shell_quoted(sweep.folder.string())),
                       fmt::arg("program", shell_quoted(program.string())), fmt::arg("cpus", cpus));
}

}  // namespace comq
