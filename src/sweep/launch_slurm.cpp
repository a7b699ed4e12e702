#include "sweep/launch_slurm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "config/value_types.hpp"
#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t default_max_array_size = 1001;
constexpr int default_cpus = 4;
constexpr const char* list_suffix = ".points";

/** Cores of the largest node that tasks may run on; none where Slurm can't be asked. */
std::optional<int> largest_node(const SlurmSettings& slurm) {
    const std::string wanted =
        slurm.partition ? " --partition=" + shell_quoted(*slurm.partition) : "";
    const auto nodes =
        run_shell("sinfo --Node --noheader --format='%P %c'" + wanted + " 2>/dev/null");
    std::optional<int> most;
    std::istringstream lines(nodes.output);
    for (std::string partition, cores; lines >> partition >> cores;) {
        // An asterisk marks the partition of jobs that name none.
        if (!slurm.partition && !partition.ends_with('*')) continue;
        most = std::max(most.value_or(0), parse_number<int>(cores).value_or(0));
    }
    return most;
}

/** Submits one script; returns the id of its job. */
std::string submit(const fs::path& script, const std::string& after) {
    const auto dependency = after.empty() ? "" : "--dependency=afterany:" + after + " ";
    const auto result = run_shell(
        fmt::format("sbatch --parsable {}{} 2>&1", dependency, shell_quoted(script.string())));
    if (result.exit_code == 127) {
        throw UsageError("there is no sbatch here; log in where Slurm is, or use --launcher local");
    }
    const std::string last = result.output.substr(0, result.output.find_last_not_of('\n') + 1);
    const std::string id = last.substr(last.rfind('\n') + 1);
    const std::string job = id.substr(0, id.find(';'));  // a cluster's name may follow
    if (result.exit_code != 0 || !parse_number<int64_t>(job)) {
        throw Failure("{}: sbatch refuses it: {}", script.string(), last);
    }
    return job;
}

/** Lists of submitted points, the oldest first; each is named after its job. */
std::vector<fs::path> submissions_of(const PointSet& sweep) {
    std::vector<std::pair<fs::file_time_type, fs::path>> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(point_files::submissions(sweep), none)) {
        if (entry.path().extension() != list_suffix) continue;
        found.emplace_back(entry.last_write_time(), entry.path());
    }
    std::ranges::sort(found);
    std::vector<fs::path> files;
    for (auto& [time, file] : found) files.push_back(std::move(file));
    return files;
}

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

/** Of this user's jobs, by their name in Slurm: "12_3". */
std::map<std::string, SlurmTask> queue(QueueUnknown unknown) {
    std::map<std::string, SlurmTask> entries;
    const auto result = run_shell(
        fmt::format("squeue --noheader --array --user={} --format='%i|%T|%r' 2>&1", ::geteuid()));
    if (result.exit_code != 0) {
        const auto reason = result.output.substr(0, result.output.find('\n'));
        if (unknown == QueueUnknown::refuse) {
            throw Failure(
                "squeue can't be asked, and points that wait in the queue must not be submitted "
                "again ({}); try again when it answers",
                reason);
        }
        static std::string told;  // who watches asks again and again
        if (reason != std::exchange(told, reason)) {
            spdlog::warn("squeue can't be asked, so no task counts as queued or running: {}",
                         reason);
        }
        return entries;
    }
    std::istringstream lines(result.output);
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find('|');
        const auto second = line.find('|', first + 1);
        if (second == std::string::npos) continue;
        SlurmTask task{line.substr(0, first), line.substr(first + 1, second - first - 1),
                       line.substr(second + 1)};
        if (task.state != "COMPLETING") entries[task.job] = std::move(task);  // that has ended
    }
    return entries;
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

int slurm_cpus(const SlurmSettings& slurm) {
    const auto most = largest_node(slurm);
    const int cpus = slurm.cpus.value_or(std::min(default_cpus, most.value_or(default_cpus)));
    if (most && cpus > *most) {
        throw UsageError("slurm.cpus: no node has {} cores, the largest has {}; ask for fewer",
                         cpus, *most);
    }
    return cpus;
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

std::vector<std::string> launch_slurm(const PointSet& sweep, const std::vector<std::size_t>& chosen,
                                      const fs::path& program) {
    const int cpus = slurm_cpus(sweep.slurm);
    prepare_folder(sweep, chosen);
    const fs::path folder = point_files::submissions(sweep);
    fs::create_directories(folder);
    std::vector<std::string> jobs;
    for (const auto& points : slurm_arrays(chosen)) {
        const fs::path script = folder / "next.sh";
        write_text_atomically(script, slurm_script(sweep, points, program, cpus));
        const std::string job = submit(script, jobs.empty() ? "" : jobs.back());
        std::string list;
        for (const auto i : points) list += sweep.points[i].id + "\n";
        write_text_atomically(folder / (job + list_suffix), list);
        fs::rename(script, folder / (job + ".sh"));
        jobs.push_back(job);
    }
    return jobs;
}

SlurmTasks slurm_tasks(const PointSet& sweep, QueueUnknown unknown) {
    SlurmTasks tasks;
    const auto submissions = submissions_of(sweep);
    if (submissions.empty()) return tasks;
    const auto queued = queue(unknown);
    for (const auto& file : submissions) {
        std::ifstream stream(file);
        std::size_t index = 0;
        for (std::string id; std::getline(stream, id); ++index) {
            const std::string job = fmt::format("{}_{}", file.stem().string(), index);
            const auto entry = queued.find(job);
            SlurmTask& task = tasks[id] = entry == queued.end() ? SlurmTask{job} : entry->second;
            task.log = point_files::logs(sweep) / (job + ".log");
        }
    }
    return tasks;
}

}  // namespace comq
