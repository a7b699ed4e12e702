#include "sweep/sweep_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "config/config_values.hpp"
#include "core/json_text.hpp"
#include "core/text.hpp"
#include "report/value_text.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t widest_value = 40;

std::string cut_value(const std::string& text) { return cut(text, widest_value); }

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json progress_json(const std::optional<LoggedProgress>& progress) {
    if (!progress) return nullptr;
    return {{"stage", progress->title},           {"done", progress->done},
            {"total", progress->total},           {"unit", progress->unit},
            {"per_second", progress->per_second}, {"seconds_left", progress->seconds_left}};
}

Json point_json(const PointSet& sweep, const Point& point, const PointStatus& status) {
    const Point& run = point.same_as ? sweep.points[*point.same_as] : point;
    Json overrides = Json::object();
    for (std::size_t i = 0; i < sweep.varied.size(); ++i) {
        overrides[sweep.varied[i]] = json_of_yaml(point.values[i], sweep.varied[i]);
    }
    return {{"point", point.id},
            {"label", point.label},
            {"state", name_of(status.state)},
            {"same_as", point.same_as ? Json(run.id) : Json(nullptr)},
            {"file", run.result().string()},
            {"overrides", std::move(overrides)},
            {"top1", json_number(status.top1.value)},
            {"top1_standard_error", json_number(status.top1.standard_error)},
            {"seconds", json_number(status.seconds)},
            {"progress", progress_json(status.progress)},
            {"job", text_or_null(status.job)},
            {"log", text_or_null(status.log.string())},
            {"reason", text_or_null(status.detail)}};
}

}  // namespace

std::string count_line(const std::vector<PointStatus>& statuses) {
    std::vector<std::string> parts;
    for (const auto& [state, name] : point_states) {
        const auto count = std::ranges::count(statuses, state, &PointStatus::state);
        if (count > 0) parts.push_back(fmt::format("{} {}", count, name));
    }
    return fmt::format("{} points: {}", statuses.size(), fmt::join(parts, ", "));
}

double seconds_left(const std::vector<PointStatus>& statuses) {
    double seconds = 0.0, finished = 0.0, running = 0.0, queued = 0.0, waiting = 0.0;
    bool by_slurm = true;
    for (const auto& status : statuses) {
        running += status.state == PointState::running;
        queued += status.state == PointState::queued;
        waiting += status.state == PointState::waiting || status.state == PointState::interrupted;
        by_slurm = by_slurm && (status.state != PointState::running || !status.job.empty());
        if (status.state != PointState::finished || std::isnan(status.seconds)) continue;
        seconds += status.seconds;
        ++finished;
    }
    if (running == 0.0 || finished == 0.0) return not_measured;
    // Those that run are halfway through, on average.
    const double rest = queued + (by_slurm ? 0.0 : waiting) + running / 2.0;
    return seconds / finished * rest / running;
}

std::string summary_line(const std::vector<PointStatus>& statuses) {
    const double left = seconds_left(statuses);
    if (std::isnan(left)) return count_line(statuses);
    return fmt::format("{}; about {} left", count_line(statuses), format_duration(left));
}

std::string point_line(const Point& point, const PointStatus& status) {
    std::string line = fmt::format("{:<11} {} {}", name_of(status.state), point.id, point.label);
    if (status.top1.exists()) line += "  Top-1 " + format_accuracy(status.top1);
    if (!std::isnan(status.seconds)) {
        line +=
            fmt::format("{} {}", status.top1.exists() ? "," : " ", format_duration(status.seconds));
    }
    return status.detail.empty() ? line : line + "  " + status.detail;
}

std::vector<std::string> status_lines(const PointSet& sweep,
                                      const std::vector<PointStatus>& statuses,
                                      const std::vector<std::size_t>& points) {
    std::vector<TextTable::Column> columns{{.heading = "point", .width = 16}};
    const auto names = short_keys(sweep.varied);
    for (std::size_t key = 0; key < names.size(); ++key) {
        // As wide as the values of all points, so that columns stay while points come and go.
        auto& column = columns.emplace_back(TextTable::Column{.heading = names[key]});
        for (const auto& point : sweep.points) {
            column.width = std::max(column.width, display_width(cut_value(point.values[key])));
        }
    }
    columns.insert(columns.end(), {{.heading = "state", .width = 11},
                                   {.heading = "Top-1 %", .to_the_right = true, .width = 14},
                                   {.heading = "time", .to_the_right = true, .width = 12},
                                   {.heading = ""}});
    TextTable table(std::move(columns), 2);
    for (const auto i : points) {
        const auto& status = statuses[i];
        std::vector<std::string> cells{sweep.points[i].id};
        for (const auto& value : sweep.points[i].values) cells.push_back(cut_value(value));
        cells.insert(
            cells.end(),
            {std::string(name_of(status.state)), format_accuracy(status.top1),
             std::isnan(status.seconds) ? "-" : format_duration(status.seconds), status.detail});
        table.add(std::move(cells));
    }
    return table.lines();
}

std::string status_table(const PointSet& sweep, const std::vector<PointStatus>& statuses) {
    std::vector<std::size_t> all(statuses.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return fmt::format("{}\n{}\n", fmt::join(status_lines(sweep, statuses, all), "\n"),
                       summary_line(statuses));
}

nlohmann::ordered_json sweep_json(const PointSet& sweep, const std::vector<PointStatus>& statuses) {
    Json json{{"sweep", sweep.name},
              {"folder", sweep.folder.string()},
              {"counts", Json::object()},
              {"seconds_left", json_number(seconds_left(statuses))},
              {"points", Json::array()}};
    for (const auto& [state, name] : point_states) {
        json["counts"][std::string(name)] =
            std::ranges::count(statuses, state, &PointStatus::state);
    }
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        json["points"].push_back(point_json(sweep, sweep.points[i], statuses[i]));
    }
    return json;
}

}  // namespace comq
