#include "sweep/launch_local.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <deque>
#include <list>
#include <thread>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "core/terminal.hpp"
#include "core/text.hpp"
#include "core/threads.hpp"
#include "storage/file_lock.hpp"
#include "sweep/live_table.hpp"
#include "sweep/sweep_text.hpp"

namespace comq {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto poll_interval = std::chrono::milliseconds(100);

int threads_of(const LocalSettings& settings, const Point& point) {
    if (settings.threads > 0) return settings.threads;
    const int named = point.config.config.resources.threads;
    return named > 0 ? named : std::max(1, available_cores() / settings.jobs);
}

class LocalPool {
  public:
    LocalPool(const PointSet& sweep, const std::vector<std::size_t>& chosen,
              const LocalOptions& options, const std::atomic<bool>& stop)
        : sweep_(sweep),
          options_(options),
          stop_(stop),
          jobs_(static_cast<std::size_t>(sweep.local.jobs)),
          chosen_(chosen),
          waiting_(chosen.begin(), chosen.end()),
          statuses_(status_of(sweep)) {}

    void run() {
        while (!running_.empty() || (!waiting_.empty() && !stopping())) {
            reap();
            if (stopping()) {
                stop_running();
            } else {
                while (running_.size() < jobs_ && !waiting_.empty()) start_next();
            }
            show();
            std::this_thread::sleep_for(poll_interval);
        }
        table_.finish();
        inform(count_line(statuses_) + "\n");
        finish();
    }

  private:
    struct Job {
        std::size_t point;
        ChildProcess process;
        Clock::time_point started;
        Job(std::size_t point_, const std::vector<std::string>& command,
            const std::filesystem::path& log)
            : point(point_),
              process(command, log, ChildProcess::Log::appended),
              started(Clock::now()) {}
    };

    bool stopping() const { return stop_ || (options_.fail_fast && failures_ > 0); }

    void start_next() {
        const std::size_t i = waiting_.front();
        waiting_.pop_front();
        const Point& point = sweep_.points[i];
        // Another launcher may have been quicker.
        if (const auto holder = lock_holder(point.result()); holder || exists(point.result())) {
            statuses_[i] = status_of(sweep_, point);
            if (statuses_[i].state == PointState::failed) ++failures_;
            report(i);
            return;
        }
        running_.emplace_back(i, point_command(sweep_, point, options_.program),
                              point_files::local_log(sweep_, point));
        statuses_[i] = {.state = PointState::running, .detail = "starting"};
    }

    void reap() {
        for (auto job = running_.begin(); job != running_.end();) {
            const auto exit_code = job->process.ended();
            if (!exit_code) {
                ++job;
                continue;
            }
            const Point& point = sweep_.points[job->point];
            write_outcome(sweep_, point, {*exit_code, point_files::local_log(sweep_, point)});
            statuses_[job->point] = status_of(sweep_, point);
            if (statuses_[job->point].state == PointState::failed) ++failures_;
            seconds_ += std::chrono::duration<double>(Clock::now() - job->started).count();
            ++ended_;
            report(job->point);
            job = running_.erase(job);
        }
    }

    /** Each is told once: a second signal would end it before its layer is finished. */
    void stop_running() {
        if (told_to_stop_) return;
        told_to_stop_ = true;
        table_.print(
            fmt::format("stopping {} points once their layers are finished", running_.size()));
        for (auto& job : running_) job.process.signal(SIGTERM);
    }

    void report(std::size_t i) {
        table_.print(fmt::format("[{}/{}] {}", ++reported_, chosen_.size(),
                                 point_line(sweep_.points[i], statuses_[i])));
    }

    void show() {
        if (!table_.live()) return;
        std::vector<std::size_t> points;
        for (const auto& job : running_) {
            statuses_[job.point].detail =
                last_line(point_files::local_log(sweep_, sweep_.points[job.point]));
            statuses_[job.point].seconds =
                std::chrono::duration<double>(Clock::now() - job.started).count();
            points.push_back(job.point);
        }
        auto lines = status_lines(sweep_, statuses_, points);
        lines.push_back(count_line(statuses_) + time_left());
        table_.show(lines);
    }

    std::string time_left() const {
        if (ended_ == 0) return "";
        const auto rest =
            static_cast<double>(waiting_.size()) + static_cast<double>(running_.size()) / 2.0;
        const double left = seconds_ / static_cast<double>(ended_) * rest /
                            static_cast<double>(std::max<std::size_t>(jobs_, 1));
        return fmt::format("; about {} left", format_duration(left));
    }

    void finish() const {
        std::vector<std::string> failed;
        for (std::size_t i = 0; i < statuses_.size(); ++i) {
            if (statuses_[i].state == PointState::failed) failed.push_back(sweep_.points[i].id);
        }
        if (stop_) {
            throw Interrupted("stopped with {}; the same command continues", count_line(statuses_));
        }
        if (failures_ > 0) {
            throw Failure(
                "{} of {} points failed ({}); their logs in {} say why, the same command runs them "
                "again",
                failed.size(), statuses_.size(), fmt::join(failed, ", "),
                short_path(point_files::logs(sweep_)).string());
        }
        const auto interrupted = std::ranges::count_if(
            chosen_, [&](std::size_t i) { return statuses_[i].state == PointState::interrupted; });
        if (interrupted > 0) {
            throw Interrupted(
                "{} of {} points ended at a signal of their own; the same command continues them",
                interrupted, statuses_.size());
        }
    }

    const PointSet& sweep_;
    const LocalOptions& options_;
    const std::atomic<bool>& stop_;
    std::size_t jobs_;
    const std::vector<std::size_t>& chosen_;
    std::deque<std::size_t> waiting_;
    std::list<Job> running_;
    std::vector<PointStatus> statuses_;
    LiveTable table_;
    std::size_t reported_ = 0;
    std::size_t ended_ = 0;
    std::size_t failures_ = 0;
    double seconds_ = 0.0;
    bool told_to_stop_ = false;
};

}  // namespace

std::vector<std::string> point_command(const PointSet& sweep, const Point& point,
                                       const std::filesystem::path& program) {
    return {program.string(), point_files::config(sweep, point).string(), "--resume", "--threads",
            std::to_string(threads_of(sweep.local, point))};
}

void launch_local(const PointSet& sweep, const std::vector<std::size_t>& chosen,
                  const LocalOptions& options, const std::atomic<bool>& stop) {
    prepare_folder(sweep, chosen);
    LocalPool(sweep, chosen, options, stop).run();
}

}  // namespace comq
