#include "sweep/slurm_script.hpp"

#include <fmt/format.h>

#include <optional>
#include <sstream>

#include "config/value_types.hpp"
#include "core/child_process.hpp"
#include "core/text.hpp"
#include "points/point_status.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t default_max_array_size = 1001;
constexpr const char* shared_suffix = ".shared";

// sbatch hands on the environment it was called in, which may say of another job step that it has
// many ranks. A signal that comes while a line of slurm.setup runs is dealt with after that.
constexpr const char* head = R"sh(
unset SLURM_STEP_ID SLURM_PROCID SLURM_STEP_NUM_TASKS ${{!PMI_@}} ${{!PMI2_@}} ${{!PMIX_@}} ${{!OMPI_COMM_WORLD_@}}
point=${{points[$SLURM_ARRAY_TASK_ID]}}
folder={folder}
log=$folder/logs/${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID.log

signals=0
warned=false
child=
forward() {{
    signals=$((signals + 1))
    [ -z "$child" ] || kill -s "$1" "$child"
}}
trap 'warned=true; forward USR1' USR1
trap 'forward TERM' TERM

# Writes down how the attempt ended, for sweep_status; then it is the end.
end_with() {{
    local file=$folder/points/$point{suffix}.exit
    {{ printf '%s\n%s\n' "$1" "$log" >"$file.$$" && mv "$file.$$" "$file"; }} || rm -f "$file.$$"
    exit "$1"
}}
setup_failed() {{
    echo "error: slurm.setup: '$1' failed with exit code $2"
    end_with 1
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
// waited for what another computes has had no time limit of its own.
constexpr const char* body = R"sh(
cd "$folder" || exit 1
if [ -e "$point.h5" ]; then
    echo "$point is finished already"
    exit 0
fi
rm -f "points/$point{suffix}.exit"
begun=points/$point{suffix}.begun
touch "$begun"
got_on() {{
    [ -n "$(find "$point.h5.parts" \( -name '*.safetensors' -o -name cached \) -newer "$begun" 2>/dev/null)" ]
}}
waited() {{
    [ -n "$(find "$point.h5.parts" -name waited -newer "$begun" 2>/dev/null)" ]
}}

{program} "points/$point.yaml" --resume --threads {cpus}{options} &
child=$!
[ "$signals" = 0 ] || kill -s TERM "$child"
while
    seen=$signals
    wait "$child"
    code=$?
    [ "$signals" != "$seen" ]
do :; done
# One that was still loading has no handler of its own yet.
if [ "$signals" != 0 ] && {{ [ "$code" = 138 ] || [ "$code" = 143 ]; }}; then code=75; fi

if [ "$code" = 75 ] && $warned; then
    if got_on; then
        echo "requeued to continue"
    elif waited; then
        echo "requeued: it waited for what another point computes"
    else
        echo "error: the time limit is too short to finish anything; raise slurm.time"
        code=1
    fi
    [ "$code" = 1 ] || ! scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" || exit 0
fi
rm -f "$begun"
end_with "$code"
)sh";

/** A value of an #SBATCH line, which sbatch splits at blanks outside quotes and cuts at #. */
std::string sbatch_quoted(const std::string& value) {
    return value.find_first_of(" \t'#") == std::string::npos ? value : "\"" + value + "\"";
}

/** A file name in which % begins nothing. */
std::string without_patterns(const fs::path& file) {
    return replace_each(file.string(), {{"%", "%%"}});
}

std::string directives(const PointSet& sweep, std::size_t tasks, int cpus, SlurmWork work) {
    const SlurmSettings& slurm = sweep.slurm;
    std::string text;
    const auto add = [&](const std::string& option) { text += "#SBATCH " + option + "\n"; };
    const auto add_value = [&](const char* option, const std::string& value) {
        add(fmt::format("--{}={}", option, sbatch_quoted(value)));
    };
    const auto add_given = [&](const char* option, const std::optional<std::string>& value) {
        if (value) add_value(option, *value);
    };
    add_value("job-name", work == SlurmWork::points ? sweep.name : sweep.name + "-shared");
    add_value("array", fmt::format("0-{}{}", tasks - 1,
                                   slurm.concurrent > 0 ? fmt::format("%{}", slurm.concurrent)
                                                        : std::string()));
    add_value("output", without_patterns(point_files::logs(sweep)) + "/%A_%a.log");
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

/** The lines of slurm.setup, each of which may end the task. A comment may close such a line. */
std::string setup_text(const std::vector<std::string>& lines) {
    std::string text = lines.empty() ? "" : login_functions;
    for (const auto& line : lines) {
        text += fmt::format("{{ {}\n}} || setup_failed {} $?\n", line, shell_quoted(line));
    }
    return text;
}

}  // namespace

std::size_t max_array_size() {
    const auto config = run_shell("scontrol show config 2>/dev/null");
    std::istringstream lines(config.output);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("MaxArraySize")) continue;
        const auto value = line.find_last_of(" =");
        const auto size = parse_number<std::size_t>(line.substr(value + 1));
        if (size && *size > 0) return *size;
    }
    return default_max_array_size;
}

std::vector<std::vector<std::size_t>> slurm_arrays(const std::vector<std::size_t>& chosen,
                                                   std::size_t limit) {
    std::vector<std::vector<std::size_t>> arrays;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (i % limit == 0) arrays.emplace_back();
        arrays.back().push_back(chosen[i]);
    }
    return arrays;
}

std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const fs::path& program, int cpus, SlurmWork work) {
    std::string list;
    for (const auto i : points) list += "    " + sweep.points[i].id + "\n";
    std::string options = sweep.restart_elsewhere ? " --restart-elsewhere" : "";
    if (work == SlurmWork::shared) options += " --shared-only";
    const char* suffix = work == SlurmWork::shared ? shared_suffix : "";
    return fmt::format("#!/bin/bash\n{}\npoints=(\n{})\n",
                       directives(sweep, points.size(), cpus, work), list) +
           fmt::format(head, fmt::arg("folder", shell_quoted(sweep.folder.string())),
                       fmt::arg("suffix", suffix)) +
           setup_text(sweep.slurm.setup) +
           fmt::format(body, fmt::arg("program", shell_quoted(program.string())),
                       fmt::arg("cpus", cpus), fmt::arg("options", options),
                       fmt::arg("suffix", suffix));
}

}  // namespace comq
