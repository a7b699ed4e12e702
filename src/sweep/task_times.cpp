#include "sweep/task_times.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>

#include "points/point_status.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr double seconds_of_hour = 3600.0;

double seconds_since_epoch(fs::file_time_type time) {
    const auto system = std::chrono::file_clock::to_sys(time);
    return std::chrono::duration<double>(system.time_since_epoch()).count();
}

/** When a task or its points last printed; `task`: "12_3". */
std::optional<double> last_print(const PointSet& set, const std::string& task) {
    std::optional<double> last;
    std::error_code none;
    for (const auto& log : fs::directory_iterator(point_files::logs(set), none)) {
        const std::string name = log.path().filename().string();
        if (!name.starts_with(task + ".") && !name.starts_with(task + "-")) continue;
        const double time = seconds_since_epoch(log.last_write_time(none));
        last = std::max(last.value_or(time), time);
    }
    return last;
}

}  // namespace

TaskTimes task_times(const PointSet& set) {
    TaskTimes times;
    std::optional<double> first, last;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(point_files::submissions(set), none)) {
        if (entry.path().extension() != ".time") continue;
        std::ifstream stream(entry.path());
        double cores = 0.0, begun = 0.0, ended = 0.0;
        if (!(stream >> cores >> begun)) continue;
        if (!(stream >> ended)) {
            const std::string name = entry.path().filename().string();
            ended =
                std::max(begun, last_print(set, name.substr(0, name.find('.'))).value_or(begun));
        }
        ++times.tasks;
        times.core_hours += cores * (ended - begun) / seconds_of_hour;
        first = std::min(first.value_or(begun), begun);
        last = std::max(last.value_or(ended), ended);
    }
    if (first) times.wall_seconds = *last - *first;
    return times;
}

}  // namespace comq
