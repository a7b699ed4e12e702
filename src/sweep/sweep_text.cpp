#include "sweep/sweep_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/units.hpp"
#include "report/figures_text.hpp"
#include "sweep/point_label.hpp"

namespace comq {

namespace {

constexpr std::size_t widest_value = 40;

std::string cut(const std::string& text) {
    return text.size() <= widest_value ? text : text.substr(0, widest_value - 3) + "...";
}

}  // namespace

std::string count_line(const std::vector<PointStatus>& statuses) {
    std::vector<std::string> parts;
    for (const PointState state : all_point_states()) {
        const auto count = std::ranges::count(statuses, state, &PointStatus::state);
        if (count > 0) parts.push_back(fmt::format("{} {}", count, name_of(state)));
    }
    return fmt::format("{} points: {}", statuses.size(), fmt::join(parts, ", "));
}

std::string point_line(const SweepPoint& point, const PointStatus& status) {
    std::string line = fmt::format("{:<11} {} {}", name_of(status.state), point.id, point.label);
    if (!std::isnan(status.top1)) {
        line += "  Top-1 " + format_accuracy(status.top1, status.top1_standard_error);
    }
    if (!std::isnan(status.seconds)) {
        line += fmt::format("{} {}", std::isnan(status.top1) ? " " : ",",
                            format_duration(status.seconds));
    }
    return status.detail.empty() ? line : line + "  " + status.detail;
}

std::vector<std::string> status_lines(const Sweep& sweep, const std::vector<PointStatus>& statuses,
                                      const std::vector<std::size_t>& points) {
    const auto names = short_keys(sweep.varied);
    std::vector<std::size_t> widths;
    for (std::size_t column = 0; column < names.size(); ++column) {
        std::size_t width = names[column].size();
        for (const auto& point : sweep.points) {
            width = std::max(width, cut(point.values[column]).size());
        }
        widths.push_back(width);
    }
    std::string heading = fmt::format("{:<16}", "point");
    for (std::size_t column = 0; column < names.size(); ++column) {
        heading += fmt::format("  {:<{}}", names[column], widths[column]);
    }
    heading += fmt::format("  {:<11}  {:>14}  {:>12}", "state", "Top-1 %", "time");
    std::vector<std::string> lines{heading};
    for (const auto i : points) {
        const auto& status = statuses[i];
        std::string line = sweep.points[i].id;
        for (std::size_t column = 0; column < names.size(); ++column) {
            line += fmt::format("  {:<{}}", cut(sweep.points[i].values[column]), widths[column]);
        }
        line += fmt::format("  {:<11}  {:>14}  {:>12}  {}", name_of(status.state),
                            format_accuracy(status.top1, status.top1_standard_error),
                            std::isnan(status.seconds) ? "-" : format_duration(status.seconds),
                            status.detail);
        line.erase(line.find_last_not_of(' ') + 1);
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string status_table(const Sweep& sweep, const std::vector<PointStatus>& statuses) {
    std::vector<std::size_t> all(statuses.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return fmt::format("{}\n{}\n", fmt::join(status_lines(sweep, statuses, all), "\n"),
                       count_line(statuses));
}

}  // namespace comq
