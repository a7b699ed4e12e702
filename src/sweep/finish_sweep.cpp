#include "sweep/finish_sweep.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/json_text.hpp"
#include "core/text.hpp"
#include "storage/atomic_file.hpp"
#include "sweep/slurm_queue.hpp"
#include "sweep/sweep_text.hpp"
#include "sweep/task_times.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** Beyond a day Slurm's priorities say more. */
constexpr int64_t longest_wait = 86'400;

std::chrono::seconds wait_before(const SlurmSettings& slurm, int attempt) {
    int64_t seconds = slurm.backoff;
    for (int i = 0; i < attempt && seconds < longest_wait; ++i) seconds *= 2;
    return std::chrono::seconds(std::min(seconds, longest_wait));
}

bool is_open(const std::string& state) { return state != "finished" && state != "repeated"; }

}  // namespace

FinishedSweep retry_killed(const PointSet& set, int attempt, const std::filesystem::path& program,
                           const std::atomic<bool>& stop) {
    FinishedSweep finished{status_of(set, slurm_tasks(set, QueueUnknown::refuse)), {}};
    std::vector<std::size_t> killed;
    for (std::size_t i = 0; i < finished.statuses.size(); ++i) {
        if (finished.statuses[i].killed) killed.push_back(i);
    }
    if (killed.empty() || attempt >= set.slurm.retries) return finished;
    finished.retried = launch_slurm(set, killed, program, stop, wait_before(set.slurm, attempt));
    return finished;
}

Json write_summary(const PointSet& set, const FinishedSweep& finished, int attempt,
                   const std::vector<std::string>& files) {
    const TaskTimes times = task_times(set);
    Json summary = sweep_json(set, finished.statuses);
    summary.erase("seconds_left");
    const Json points = summary["points"];
    summary.erase("points");
    summary["attempts"] = attempt + 1;
    summary["retried_points"] = finished.retried.points;
    summary["retry_jobs"] = finished.retried.jobs;
    summary["tasks"] = times.tasks;
    summary["wall_seconds"] = times.wall_seconds;
    summary["core_hours"] = times.core_hours;
    summary["files"] = files;
    summary["points"] = points;
    write_text_atomically(set.folder / "summary.json", json_text(summary));
    return summary;
}

std::string summary_text(const PointSet& set, const Json& summary) {
    std::string text;
    std::vector<std::string> counts;
    for (const auto& point : summary["points"]) {
        const auto state = point["state"].get<std::string>();
        if (!is_open(state)) continue;
        text += fmt::format("{:<11} {} {}  {}\n", state, point["point"].get<std::string>(),
                            point["label"].get<std::string>(),
                            point["reason"].is_null() ? "" : point["reason"].get<std::string>());
    }
    for (const auto& [state, count] : summary["counts"].items()) {
        if (count != 0) counts.push_back(fmt::format("{} {}", count.get<int64_t>(), state));
    }
    text += fmt::format("{} points: {}\n", summary["points"].size(), fmt::join(counts, ", "));
    text += fmt::format("{} tasks in {}, {:.2f} core hours\n", summary["tasks"].get<int64_t>(),
                        format_duration(summary["wall_seconds"].get<double>()),
                        summary["core_hours"].get<double>());
    if (summary["retried_points"] != 0) {
        text += fmt::format("{} points that were killed are submitted again\n",
                            summary["retried_points"].get<int64_t>());
    }
    for (const auto& file : summary["files"]) text += file.get<std::string>() + "\n";
    return text + (set.folder / "summary.json").string() + "\n";
}

}  // namespace comq
