#include "sweep/launch_points.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <list>
#include <thread>
#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "core/terminal.hpp"
#include "core/text.hpp"
#include "core/threads.hpp"
#include "experiment_config/config_paths.hpp"
#include "storage/file_lock.hpp"
#include "sweep/live_table.hpp"
#include "sweep/slurm_queue.hpp"
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

/** A point that runs. */
struct Job {
    std::size_t point;
    ChildProcess process;
    Clock::time_point started = Clock::now();

    Job(std::size_t point_, const std::vector<std::string>& command,
        const std::filesystem::path& log)
        : point(point_), process(command, log, ChildProcess::Log::appended) {}

    double seconds() const { return std::chrono::duration<double>(Clock::now() - started).count(); }
};

/** Runs points as processes of this machine; see launch_points. */
class LocalPool {
  public:
    LocalPool(const PointSet& set, const std::vector<std::size_t>& chosen,
              const LaunchOptions& options, const std::atomic<bool>& stop)
        : set_(set), chosen_(chosen), options_(options), stop_(stop), statuses_(status_of(set)) {}

    void run() {
        while (!running_.empty() || (waiting() > 0 && !stopping())) {
            reap();
            if (stopping()) stop_running();
            while (!stopping() && waiting() > 0 && running_.size() < jobs()) start_next();
            show();
            std::this_thread::sleep_for(poll_interval);
        }
        table_.finish();
        inform(count_line(statuses_) + "\n");
        report_end();
    }

  private:
    std::size_t jobs() const { return static_cast<std::size_t>(set_.local.jobs); }
    std::size_t waiting() const { return chosen_.size() - begun_; }
    bool stopping() const { return stop_ || (options_.fail_fast && failures_ > 0); }
    std::filesystem::path log_of(std::size_t point) const {
        return point_files::local_log(set_, set_.points[point]);
    }

    void start_next() {
        const std::size_t i = chosen_[begun_++];
        const Point& point = set_.points[i];
        // Another launcher may have been quicker.
        if (lock_holder(point.result()) || exists(point.result())) return settle(i);
        running_.emplace_back(i, point_command(set_, point, options_.program), log_of(i));
        statuses_[i] = {.state = PointState::running, .detail = "starting"};
    }

    /** Takes note of a point that this pool runs no more. */
    void settle(std::size_t i) {
        statuses_[i] = status_of(set_, set_.points[i]);
        if (statuses_[i].state == PointState::failed) ++failures_;
        table_.print(fmt::format("[{}/{}] {}", ++settled_, chosen_.size(),
                                 point_line(set_.points[i], statuses_[i])));
    }

    void reap() {
        running_.remove_if([this](Job& job) {
            auto exit_code = job.process.ended();
            if (!exit_code) return false;
            // One that was still loading has no handler yet.
            if (told_to_stop_ && *exit_code == 128 + SIGTERM) {
                exit_code = static_cast<int>(ExitCode::interrupted);
            }
            write_outcome(set_, set_.points[job.point], {*exit_code, log_of(job.point)});
            seconds_ += job.seconds();
            ++ended_;
            settle(job.point);
            return true;
        });
    }

    /** Each is told once: a second signal would end it before its layer is finished. */
    void stop_running() {
        if (told_to_stop_) return;
        told_to_stop_ = true;
        table_.print(
            fmt::format("stopping {} points once their layers are finished", running_.size()));
        for (auto& job : running_) job.process.signal(SIGTERM);
    }

    void show() {
        if (!table_.live()) return;
        std::vector<std::size_t> points;
        for (const auto& job : running_) {
            statuses_[job.point].detail = last_line(log_of(job.point));
            statuses_[job.point].seconds = job.seconds();
            points.push_back(job.point);
        }
        auto lines = status_lines(set_, statuses_, points);
        lines.push_back(count_line(statuses_) + time_left());
        table_.show(lines);
    }

    std::string time_left() const {
        if (ended_ == 0) return "";
        const double rest =
            static_cast<double>(waiting()) + static_cast<double>(running_.size()) / 2.0;
        const double left =
            seconds_ / static_cast<double>(ended_) * rest / static_cast<double>(jobs());
        return fmt::format("; about {} left", format_duration(left));
    }

    void report_end() const {
        if (stop_) {
            throw Interrupted("stopped with {}; the same command continues", count_line(statuses_));
        }
        std::vector<std::string> failed;
        for (std::size_t i = 0; i < statuses_.size(); ++i) {
            if (statuses_[i].state == PointState::failed) failed.push_back(set_.points[i].id);
        }
        if (failures_ > 0) {
            throw Failure(
                "{} of {} points failed ({}); their logs in {} say why, the same command runs them "
                "again",
                failed.size(), statuses_.size(), fmt::join(failed, ", "),
                short_path(point_files::logs(set_)).string());
        }
        const auto interrupted = std::ranges::count_if(
            chosen_, [&](std::size_t i) { return statuses_[i].state == PointState::interrupted; });
        if (interrupted > 0) {
            throw Interrupted(
                "{} of {} points ended at a signal of their own; the same command continues them",
                interrupted, statuses_.size());
        }
    }

    const PointSet& set_;
    const std::vector<std::size_t>& chosen_;
    const LaunchOptions& options_;
    const std::atomic<bool>& stop_;
    std::list<Job> running_;
    std::vector<PointStatus> statuses_;
    LiveTable table_;
    std::size_t begun_ = 0;    ///< of the chosen ones
    std::size_t settled_ = 0;  ///< that this pool runs no more
    std::size_t ended_ = 0;    ///< that it ran to their end, in `seconds_`
    std::size_t failures_ = 0;
    double seconds_ = 0.0;
    bool told_to_stop_ = false;
};

}  // namespace

const std::map<std::string, Launcher>& launchers() {
    static const std::map<std::string, Launcher> names{{"local", Launcher::local},
                                                       {"slurm", Launcher::slurm}};
    return names;
}

std::filesystem::path program_beside(const std::string& name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

std::filesystem::path experiment_program() { return program_beside("run_experiment"); }

LaunchPlan plan_launch(const PointSet& set, const LaunchOptions& options, bool launches) {
    const bool by_slurm = options.launcher == Launcher::slurm;
    if (by_slurm && options.fail_fast) {
        throw UsageError(
            "--fail-fast is of the local launcher; under Slurm cancel the array with scancel");
    }
    const auto unknown = by_slurm && launches ? QueueUnknown::refuse : QueueUnknown::warn;
    LaunchPlan plan{status_of(set, slurm_tasks(set, unknown)), {}};
    for (std::size_t i = 0; i < plan.statuses.size(); ++i) {
        if (to_be_run(plan.statuses[i].state, options.only_failed)) plan.chosen.push_back(i);
    }
    return plan;
}

std::vector<std::string> point_command(const PointSet& set, const Point& point,
                                       const std::filesystem::path& program) {
    std::vector<std::string> command{program.string(), point_files::config(set, point).string(),
                                     "--resume", "--threads",
                                     std::to_string(threads_of(set.local, point))};
    if (set.restart_elsewhere) command.emplace_back("--restart-elsewhere");
    return command;
}

Launched launch_points(const PointSet& set, const LaunchPlan& plan, const LaunchOptions& options,
                       const std::atomic<bool>& stop) {
    const bool by_slurm = options.launcher == Launcher::slurm;
    for (const auto i : plan.chosen) {
        const LoadedConfig& config = set.points[i].config;
        if (by_slurm) {
            check_paths_elsewhere(config);
        } else {
            check_paths(config);
        }
    }
    if (by_slurm) {
        return launch_slurm(set, plan.chosen, options.program, stop);
    }
    inform(fmt::format("{}; running {} in {}\n", count_line(plan.statuses), plan.chosen.size(),
                       set.folder.string()));
    prepare_folder(set, plan.chosen);
    LocalPool(set, plan.chosen, options, stop).run();
    return {.jobs = {}, .points = plan.chosen.size()};
}

}  // namespace comq
