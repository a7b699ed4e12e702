#include "points/point_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/paths.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/paths_elsewhere.hpp"
#include "results/run_file.hpp"
#include "results/run_journal.hpp"
#include "storage/atomic_file.hpp"
#include "storage/file_lock.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t log_tail_bytes = 16'384;
constexpr const char* out_of_memory = "out of memory; raise slurm.memory or lower resources.memory";
constexpr const char* by_hand = "cancelled";

std::vector<std::string> tail_lines(const fs::path& log) {
    std::error_code none;
    const uintmax_t size = fs::file_size(log, none);
    if (none) return {};
    std::istringstream stream(
        text_if_readable(log, size - std::min(size, log_tail_bytes)).value_or(""));
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
        std::istringstream words(line);
        std::string squeezed;
        for (std::string word; words >> word;) squeezed += (squeezed.empty() ? "" : " ") + word;
        if (!squeezed.empty()) lines.push_back(std::move(squeezed));
    }
    return lines;
}

/** Whether `a` was written after `b`; a file that is not there is older than any. */
bool is_newer(const fs::path& a, const fs::path& b) {
    std::error_code none;
    return fs::last_write_time(a, none) > fs::last_write_time(b, none);
}

/** What Slurm itself wrote at the end of a log about a task that it stopped. */
std::optional<std::string> slurm_reason(const fs::path& log) {
    const auto lines = tail_lines(log);
    const auto last = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& line) {
        return line.starts_with("slurmstepd");
    });
    const auto says = [&](const char* text) {
        return last != lines.rend() && last->find(text) != std::string::npos;
    };
    if (says("oom")) return out_of_memory;
    if (says("TIME LIMIT")) return "time limit; raise slurm.time or slurm.lead_time";
    if (says("NODE FAIL")) return "node failure";
    if (says("PREEMPTION")) return "preempted";
    if (says("CANCELLED")) return by_hand;
    return std::nullopt;
}

/** The same where a task may have other logs than its points. */
std::optional<std::string> slurm_reason(const fs::path& log, const SlurmTask* task) {
    const auto reason = slurm_reason(log);
    return reason || task == nullptr ? reason : slurm_reason(task->task_log);
}

/** Whether what ended a task might not do so again. */
bool may_go_better(const std::optional<std::string>& reason) {
    return reason != out_of_memory && reason != by_hand;
}

std::string describe_end(const Outcome& outcome, const SlurmTask* task) {
    if (outcome.exit_code <= 128) {
        return fmt::format("exit {}: {}", outcome.exit_code, error_line(outcome.log));
    }
    const int signal = outcome.exit_code - 128;
    return fmt::format("ended by signal {}: {}; see {}", signal,
                       slurm_reason(outcome.log, task)
                           .value_or(signal == 9 ? "out of memory, or killed by hand"
                                                 : "a crash, or stopped by hand"),
                       outcome.log.string());
}

/** Why a task that Slurm no longer has wrote no outcome. */
std::string describe_loss(const SlurmTask& task) {
    const auto reason = slurm_reason(task.log, &task);
    const auto lines = tail_lines(task.log);
    return fmt::format("task {}: {}{}; see {}", task.job,
                       reason.value_or("ended without a word: killed, or its node failed"),
                       reason || lines.empty() ? "" : fmt::format(" (last: {})", lines.back()),
                       task.log.string());
}

PointStatus finished_status(const Point& point) {
    try {
        const RunRecord run = read_run_file(point.result(), ReadScope::summary);
        return {.state = PointState::finished,
                .top1 = find_figure(run.quantized ? "top1" : "full_precision_top1")->of(run),
                .seconds = find_figure("seconds")->value(run)};
    } catch (const Error& error) {
        return {.state = PointState::failed,
                .detail = std::string(error.what()) + "; delete the file to compute it again"};
    }
}

/** `task`: the last that Slurm had of it, if any, and whether it came after the processes here. */
PointStatus unfinished_status(const PointSet& set, const Point& point, const SlurmTask* task,
                              bool task_was_last) {
    const auto is = [](PointState state, std::string detail) {
        return PointStatus{.state = state, .detail = std::move(detail)};
    };
    const bool in_queue = task != nullptr && !task->state.empty();
    const bool packed = in_queue && !task->task_log.empty();
    const auto local_log = point_files::local_log(set, point);
    const auto holder = lock_holder(point.result());
    std::error_code none;
    const bool at_it = !packed || fs::exists(point_files::begun(set, point), none);
    if (holder || (in_queue && task->state == "RUNNING" && at_it)) {
        const bool by_task = in_queue && task->state != "PENDING";
        const std::string line = last_line(by_task || task_was_last ? task->log : local_log);
        auto running = is(PointState::running,
                          fmt::format("{} ({})", line, by_task ? "task " + task->job : *holder));
        running.progress = read_progress(line);
        return running;
    }
    const auto outcome = read_outcome(set, point);
    const bool stopped = outcome && outcome->exit_code == static_cast<int>(ExitCode::interrupted);
    // A task does not try again what failed before it was requeued.
    const bool given_up = packed && outcome && !stopped && outcome->log == task->log;
    if (in_queue && !given_up) {
        if (task->state == "RUNNING") {
            return is(PointState::queued, fmt::format("task {}: other points of it", task->job));
        }
        return is(PointState::queued, fmt::format("task {}: {}", task->job, task->reason));
    }
    if (task != nullptr && !task->known && task_was_last && !outcome) {
        return is(PointState::queued,
                  fmt::format("task {}, or what became of it: squeue doesn't answer", task->job));
    }
    if (outcome) {
        PointStatus ended = stopped ? is(PointState::interrupted, error_line(outcome->log))
                                    : is(PointState::failed, describe_end(*outcome, task));
        ended.killed = (stopped || outcome->exit_code > 128) &&
                       may_go_better(slurm_reason(outcome->log, task));
        return ended;
    }
    // Slurm makes the log when a task begins.
    const bool task_began = task_was_last && fs::exists(task->log, none);
    if (task_began) {
        PointStatus lost = is(PointState::failed, describe_loss(*task));
        lost.killed = may_go_better(slurm_reason(task->log, task));
        return lost;
    }
    if (fs::exists(RunJournal::folder_of(point.result()), none)) {
        return is(PointState::interrupted, "what is finished is kept");
    }
    if (task == nullptr) return {};
    if (task_was_last && fs::exists(task->task_log, none)) {
        const auto reason = slurm_reason(task->task_log);
        PointStatus left =
            is(PointState::waiting, fmt::format("task {} ended before its turn: {}", task->job,
                                                reason.value_or("stopped, or killed")));
        left.killed = may_go_better(reason);
        return left;
    }
    if (task_was_last) {
        PointStatus left =
            is(PointState::waiting,
               task->reason.empty()
                   ? fmt::format("task {} was cancelled before it began", task->job)
                   : fmt::format("task {} did not begin: {}", task->job, task->reason));
        left.killed = task->killed;
        return left;
    }
    return is(PointState::interrupted,
              fmt::format("ended without a word; see {}", local_log.string()));
}

}  // namespace

std::string_view name_of(PointState state) {
    return std::ranges::find(point_states, state, [](const auto& named) { return named.first; })
        ->second;
}

namespace point_files {
fs::path config(const PointSet& set, const Point& point) {
    return set.folder / "points" / (point.id + ".yaml");
}
fs::path outcome(const PointSet& set, const Point& point) {
    return set.folder / "points" / (point.id + ".exit");
}
fs::path begun(const PointSet& set, const Point& point) {
    return set.folder / "points" / (point.id + ".begun");
}
fs::path logs(const PointSet& set) { return set.folder / "logs"; }
fs::path local_log(const PointSet& set, const Point& point) {
    return logs(set) / (point.id + ".log");
}
fs::path submissions(const PointSet& set) { return set.folder / "slurm"; }
}  // namespace point_files

void write_outcome(const PointSet& set, const Point& point, const Outcome& outcome) {
    write_text_atomically(point_files::outcome(set, point),
                          fmt::format("{}\n{}\n", outcome.exit_code, outcome.log.string()));
}

std::optional<Outcome> read_outcome(const PointSet& set, const Point& point) {
    std::istringstream stream(text_if_readable(point_files::outcome(set, point)).value_or(""));
    Outcome outcome;
    std::string log;
    if (!(stream >> outcome.exit_code >> std::ws) || !std::getline(stream, log)) {
        return std::nullopt;
    }
    outcome.log = log;
    return outcome;
}

PointStatus status_of(const PointSet& set, const Point& point, const SlurmTasks& tasks) {
    if (point.same_as) {
        return {.state = PointState::repeated,
                .detail = "same as " + set.points[*point.same_as].id};
    }
    const auto found = tasks.find(point.id);
    const SlurmTask* task = found == tasks.end() ? nullptr : &found->second;
    const auto local_log = point_files::local_log(set, point);
    const bool task_was_last = task != nullptr && !is_newer(local_log, task->log);
    PointStatus status = fs::exists(point.result())
                             ? finished_status(point)
                             : unfinished_status(set, point, task, task_was_last);
    const bool by_task = task_was_last || (task != nullptr && !task->state.empty());
    if (by_task) status.job = task->job;
    const auto& log = by_task ? task->log : local_log;
    if (fs::exists(log)) status.log = log;
    return status;
}

std::vector<PointStatus> status_of(const PointSet& set, const SlurmTasks& tasks) {
    std::vector<PointStatus> all;
    for (const auto& point : set.points) {
        auto& status = all.emplace_back(status_of(set, point, tasks));
        if (!point.same_as) continue;
        status.top1 = all[*point.same_as].top1;
    }
    return all;
}

bool to_be_run(PointState state, bool only_failed) {
    if (state == PointState::interrupted || state == PointState::failed) return true;
    return state == PointState::waiting && !only_failed;
}

std::string error_line(const fs::path& log) {
    constexpr std::string_view mark = "error: ";
    const auto lines = tail_lines(log);
    const auto found = std::find_if(lines.rbegin(), lines.rend(), [&](const std::string& line) {
        return line.starts_with(mark);
    });
    if (found != lines.rend()) return found->substr(mark.size());
    return lines.empty() ? "" : lines.back();
}

std::string last_line(const fs::path& log) {
    const auto lines = tail_lines(log);
    return lines.empty() ? "starting" : lines.back();
}

void prepare_folder(const PointSet& set, const std::vector<std::size_t>& chosen, RunsOn machine) {
    constexpr const char* remedy = "set 'folder' to one you may write to";
    create_folder(set.folder / "points", remedy);
    create_folder(point_files::logs(set), remedy);
    for (const auto i : chosen) {
        const Point& point = set.points[i];
        std::error_code none;
        fs::remove(point_files::outcome(set, point), none);
        fs::remove(point_files::begun(set, point), none);
        const std::string text = machine == RunsOn::node ? text_elsewhere(point.config)
                                                         : resolved_text(point.config.config);
        write_text_atomically(point_files::config(set, point), text);
    }
}

}  // namespace comq
