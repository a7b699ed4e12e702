#include "sweep/launch_slurm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "config/value_types.hpp"
#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "sweep/slurm_script.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t default_max_array_size = 1001;
constexpr int default_cpus = 4;
constexpr const char* list_suffix = ".points";

/** Indices of an array are below Slurm's MaxArraySize. */
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

struct QueueEntry {
    std::string state;
    std::string reason;
};

/** By "12_3", of this user's jobs. */
std::map<std::string, QueueEntry> queue(QueueUnknown unknown) {
    std::map<std::string, QueueEntry> entries;
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
        if (line.substr(first + 1, second - first - 1) == "COMPLETING") continue;  // it has ended
        entries[line.substr(0, first)] = {line.substr(first + 1, second - first - 1),
                                          line.substr(second + 1)};
    }
    return entries;
}

}  // namespace

int slurm_cpus(const SlurmSettings& slurm) {
    const auto most = largest_node(slurm);
    const int cpus = slurm.cpus.value_or(std::min(default_cpus, most.value_or(default_cpus)));
    if (most && cpus > *most) {
        throw UsageError("slurm.cpus: no node has {} cores, the largest has {}; ask for fewer",
                         cpus, *most);
    }
    return cpus;
}

std::vector<std::vector<std::size_t>> split_array(const std::vector<std::size_t>& chosen,
                                                  std::size_t limit) {
    std::vector<std::vector<std::size_t>> arrays;
    for (std::size_t first = 0; first < chosen.size(); first += limit) {
        const auto last = std::min(first + limit, chosen.size());
        arrays.emplace_back(chosen.begin() + static_cast<std::ptrdiff_t>(first),
                            chosen.begin() + static_cast<std::ptrdiff_t>(last));
    }
    return arrays;
}

std::vector<std::vector<std::size_t>> slurm_arrays(const std::vector<std::size_t>& chosen) {
    return split_array(chosen, max_array_size());
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
            SlurmTask task;
            task.job = fmt::format("{}_{}", file.stem().string(), index);
            task.log = point_files::logs(sweep) / (task.job + ".log");
            const auto entry = queued.find(task.job);
            if (entry != queued.end()) {
                task.state = entry->second.state;
                task.reason = entry->second.reason;
            }
            tasks[id] = std::move(task);
        }
    }
    return tasks;
}

}  // namespace comq
