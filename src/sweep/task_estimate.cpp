#include "sweep/task_estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/text.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/method_reads.hpp"
#include "storage/atomic_file.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/slurm_settings.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

constexpr double bytes_per_megabyte = 1024.0 * 1024.0;  // as sbatch's --mem=…M counts
constexpr double seconds_per_hour = 3600.0;
constexpr double seconds_per_minute = 60.0;

/** Points of the same text cost the same. */
std::string cost_text(const ExperimentConfig& config) {
    return experiment_schema().print(config, [&](const KeyInfo& info) {
        return info.key != "output.file" && info.key != "seed" && info.key != "quantization.bits" &&
               is_read(info.key, config);
    });
}

Json plan_of(const Point& point, const std::filesystem::path& program, int cpus) {
    const std::string config = resolved_text(point.config.config);
    AtomicFile file(std::filesystem::temp_directory_path() / (point.id + ".yaml"));
    file.write(std::as_bytes(std::span(config)));
    const std::string command =
        fmt::format("{} {} --dry-run --json --threads {}", shell_quoted(program.string()),
                    shell_quoted(file.temporary().string()), cpus);
    const auto result = run_shell(command + " 2>/dev/null");
    Json plan = Json::parse(result.output, nullptr, false);
    if (result.exit_code == 0 && plan.is_object()) return plan;
    const std::string words = run_shell(command + " 2>&1 >/dev/null").output;
    throw Failure("there is no estimate of point {}: {}", point.id,
                  words.substr(0, words.find('\n')));
}

double sum_of(const Json& seconds) {
    double sum = 0.0;
    for (const auto& part : seconds) sum += part.is_null() ? 0.0 : part.get<double>();
    return sum;
}

/** The seconds of finished points. */
std::vector<double> measured_seconds(const std::vector<PointStatus>& statuses) {
    std::vector<double> seconds;
    for (const auto& status : statuses) {
        if (status.state == PointState::finished && !std::isnan(status.seconds)) {
            seconds.push_back(status.seconds);
        }
    }
    return seconds;
}

double core_hours(double seconds, int cpus) { return seconds * cpus / seconds_per_hour; }

}  // namespace

TaskEstimate estimate_points(const PointSet& set, const std::vector<std::size_t>& chosen,
                             const std::vector<PointStatus>& statuses,
                             const std::filesystem::path& program, int cpus) {
    TaskEstimate estimate{.memory_bytes = 0, .longest = 0.0, .all = 0.0, .measured = 0};
    std::map<std::string, Json> plans;
    for (const auto i : chosen) {
        const auto [plan, is_new] = plans.try_emplace(cost_text(set.points[i].config.config));
        if (is_new) plan->second = plan_of(set.points[i], program, cpus);
        estimate.memory_bytes =
            std::max(estimate.memory_bytes, plan->second.at("memory_bytes").get<int64_t>());
        const double seconds = sum_of(plan->second.at("seconds"));
        estimate.longest = std::max(estimate.longest, seconds);
        estimate.all += seconds;
    }
    if (const auto seconds = measured_seconds(statuses); !seconds.empty()) {
        const double sum = std::accumulate(seconds.begin(), seconds.end(), 0.0);
        estimate.measured = seconds.size();
        estimate.longest = std::ranges::max(seconds);
        estimate.all =
            sum / static_cast<double>(seconds.size()) * static_cast<double>(chosen.size());
    }
    return estimate;
}

bool asks_for_estimate(const SlurmSettings& slurm) {
    return slurm.time == by_estimate || slurm.memory == by_estimate;
}

SlurmSettings with_estimate(SlurmSettings slurm, const TaskEstimate& estimate) {
    if (slurm.memory == by_estimate) {
        const double bytes = slurm.estimate_factor * static_cast<double>(estimate.memory_bytes);
        slurm.memory = fmt::format("{:.0f}M", std::ceil(bytes / bytes_per_megabyte));
    }
    if (slurm.time == by_estimate) {
        const double seconds =
            slurm.estimate_factor * estimate.longest * slurm.points_per_task + slurm.lead_time;
        // sbatch counts a number alone in minutes.
        slurm.time = fmt::format("{:.0f}", std::ceil(seconds / seconds_per_minute) + 1.0);
    }
    return slurm;
}

std::string task_summary(const PointSet& set, std::size_t points, int cpus_of_rank,
                         const TaskEstimate& estimate) {
    const int cpus = cpus_of_rank * set.slurm.ranks;
    const SlurmSettings slurm = with_estimate(set.slurm, estimate);
    const std::size_t tasks = tasks_of(set, points);
    std::string text = fmt::format(
        "{} task{} of up to {} point{}, {} core{} each\n", tasks, tasks == 1 ? "" : "s",
        slurm.points_per_task, slurm.points_per_task == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s");
    text += fmt::format("memory: {} asked for, about {} needed\n",
                        slurm.memory.value_or("what the partition gives"),
                        format_bytes(static_cast<double>(estimate.memory_bytes)));
    const auto limit = slurm.time ? slurm_seconds(*slurm.time) : std::nullopt;
    const std::string asked =
        limit ? fmt::format(
                    "{:.2f} core hours asked for at most ({} tasks of {})",
                    core_hours(static_cast<double>(*limit) * static_cast<double>(tasks), cpus),
                    tasks, format_duration(static_cast<double>(*limit)))
              : "no time limit of their own asked for";
    text += fmt::format(
        "time:   {}; about {:.2f} needed, by {}\n", asked, core_hours(estimate.all, cpus),
        estimate.measured > 0
            ? fmt::format("the {} points that are finished", estimate.measured)
            : "the estimate of run_experiment --dry-run, in which nothing comes from the cache");
    return text;
}

}  // namespace comq
