#include "sweep/watch_sweep.hpp"

#include <algorithm>
#include <string>
#include <thread>

#include "sweep/live_table.hpp"
#include "sweep/slurm_queue.hpp"
#include "sweep/sweep_text.hpp"

namespace comq {

namespace {

using Clock = std::chrono::steady_clock;
/** How soon a signal is noticed. */
constexpr std::chrono::duration<double> nap = std::chrono::milliseconds(100);
/** Longer than a process takes from its start until it holds its point's lock. */
constexpr auto patience = std::chrono::seconds(10);

bool any(const std::vector<PointStatus>& statuses, std::initializer_list<PointState> states) {
    return std::ranges::any_of(statuses, [&](const PointStatus& status) {
        return std::ranges::find(states, status.state) != states.end();
    });
}

/** Those that failed, then those that run, so that a small screen shows the latter. */
std::vector<std::string> lines_of(const PointSet& sweep, const std::vector<PointStatus>& statuses) {
    std::vector<std::size_t> shown;
    for (const PointState state : {PointState::failed, PointState::running}) {
        for (std::size_t i = 0; i < statuses.size(); ++i) {
            if (statuses[i].state == state) shown.push_back(i);
        }
    }
    auto lines = status_lines(sweep, statuses, shown);
    lines.push_back(summary_line(statuses));
    return lines;
}

void sleep_for(std::chrono::duration<double> time, const std::atomic<bool>& stop) {
    for (; time.count() > 0 && !stop; time -= nap) std::this_thread::sleep_for(std::min(time, nap));
}

}  // namespace

std::vector<PointStatus> watch_sweep(const PointSet& sweep, std::chrono::duration<double> interval,
                                     const std::atomic<bool>& stop) {
    LiveTable table;
    std::string told;
    auto last_busy = Clock::now();
    while (true) {
        auto statuses = status_of(sweep, slurm_tasks(sweep, QueueUnknown::warn));
        const std::string counts = count_line(statuses);
        if (table.live()) {
            table.show(lines_of(sweep, statuses));
        } else if (counts != told) {
            table.print(counts);
        }
        told = counts;
        if (any(statuses, {PointState::running, PointState::queued})) last_busy = Clock::now();
        const bool all_ended = !any(statuses, {PointState::running, PointState::queued,
                                               PointState::waiting, PointState::interrupted});
        if (stop || all_ended || Clock::now() - last_busy > patience) {
            table.finish();
            return statuses;
        }
        sleep_for(interval, stop);
    }
}

}  // namespace comq
