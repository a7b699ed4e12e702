#include "sweep/slurm_queue.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "config/value_types.hpp"
#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/input_file.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr const char* list_suffix = ".points";
constexpr const char* shared_list_suffix = ".shared";
constexpr std::string_view after_mark = "# after ";
constexpr std::string_view per_task_mark = "# points per task ";
constexpr const char* unknown_job = "unknown";
constexpr const char* comment_mark = "comq ";
constexpr std::size_t token_digits = 12;
constexpr int no_such_program = 127;

/** A task of this user as squeue tells it. */
struct QueuedTask {
    SlurmTask task;
    std::string comment;

    /** A site may write what it likes into comments, but not what begins like one of ours. */
    bool belongs_to(const Submission& submission) const {
        if (submission.token.empty()) return true;
        if (comment == "(null)") return false;
        return comment == comment_of(submission) || !comment.starts_with(comment_mark);
    }
};

/** By their name in Slurm: "12_3". */
struct Queue {
    std::map<std::string, QueuedTask> tasks;
    int exit_code = 0;  ///< of squeue
    std::string error;  ///< its words where that is not 0
};

Queue ask_queue() {
    Queue queue;
    const auto result = run_shell(fmt::format(
        "squeue --noheader --array --user={} --format='%i|%T|%r|%k' 2>&1", ::geteuid()));
    queue.exit_code = result.exit_code;
    if (result.exit_code != 0) {
        queue.error = result.output.substr(0, result.output.find('\n'));
        return queue;
    }
    std::istringstream lines(result.output);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        QueuedTask entry;
        std::getline(fields, entry.task.job, '|');
        std::getline(fields, entry.task.state, '|');
        std::getline(fields, entry.task.reason, '|');
        std::getline(fields, entry.comment);
        // What is completing has ended.
        if (entry.task.state.empty() || entry.task.state == "COMPLETING") continue;
        queue.tasks[entry.task.job] = std::move(entry);
    }
    return queue;
}

void warn_once(const std::string& reason) {
    static std::string told;  // who watches asks again and again
    if (reason == std::exchange(told, reason)) return;
    spdlog::warn("squeue doesn't answer, so what became of submitted points is unknown: {}",
                 reason);
}

Submission read_submission(const fs::path& file) {
    Submission submission;
    const std::string stem = file.stem().string();
    const auto dash = stem.find('-');
    submission.job = stem.substr(0, dash);
    if (submission.job == unknown_job) submission.job.clear();
    if (dash != std::string::npos) submission.token = stem.substr(dash + 1);
    if (file.extension() == shared_list_suffix) submission.work = SlurmWork::shared;
    std::istringstream stream(text_if_readable(file).value_or(""));
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with(after_mark)) {
            submission.after = line.substr(after_mark.size());
        } else if (line.starts_with(per_task_mark)) {
            submission.per_task = parse_number<int>(line.substr(per_task_mark.size())).value_or(1);
        } else {
            submission.points.push_back(line);
        }
    }
    return submission;
}

/** The oldest first. */
std::vector<Submission> submissions_of(const PointSet& set) {
    std::vector<std::pair<fs::file_time_type, fs::path>> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(point_files::submissions(set), none)) {
        const auto extension = entry.path().extension();
        if (extension != list_suffix && extension != shared_list_suffix) continue;
        found.emplace_back(entry.last_write_time(none), entry.path());
    }
    std::ranges::sort(found);
    std::vector<Submission> submissions;
    for (const auto& [time, file] : found) submissions.push_back(read_submission(file));
    return submissions;
}

std::optional<std::string> job_of(const Submission& submission, const Queue& queue) {
    for (const auto& [name, entry] : queue.tasks) {
        if (entry.comment == comment_of(submission)) return name.substr(0, name.find('_'));
    }
    return std::nullopt;
}

fs::path file_of(const PointSet& set, const Submission& submission, const char* suffix) {
    const std::string job = submission.job.empty() ? unknown_job : submission.job;
    const std::string name = submission.token.empty() ? job : job + "-" + submission.token;
    return point_files::submissions(set) / (name + suffix);
}

fs::path list_of(const PointSet& set, const Submission& submission) {
    return file_of(set, submission,
                   submission.work == SlurmWork::shared ? shared_list_suffix : list_suffix);
}

std::string name_of_task(const Submission& submission, std::size_t index) {
    return fmt::format("{}_{}", submission.job.empty() ? unknown_job : submission.job, index);
}

/** The job of shared work that points wait for. */
struct SharedWork {
    std::string described;  ///< what it is at, or why it came to nothing
    bool killed = false;    ///< an attempt was ended by a signal
};

SharedWork look_at_shared_work(const PointSet& set, const Submission& shared, const Queue& queue) {
    std::string described = fmt::format("job {} computes what points share", shared.job);
    for (std::size_t i = 0; i < shared.points.size(); ++i) {
        const std::string name = name_of_task(shared, i);
        const fs::path log = point_files::logs(set) / (name + ".log");
        const auto entry = queue.tasks.find(name);
        if (entry != queue.tasks.end() && entry->second.belongs_to(shared)) {
            const SlurmTask& task = entry->second.task;
            described += task.state == "RUNNING" ? ": " + last_line(log) : ": " + task.reason;
            break;
        }
        std::istringstream end(
            text_if_readable(set.folder / "points" / (shared.points[i] + ".shared.exit"))
                .value_or(""));
        int code = 0;
        if (end >> code && code != 0) {
            return {fmt::format("job {} could not compute what points share: {}; see {}",
                                shared.job, error_line(log), log.string()),
                    code > 128 || code == static_cast<int>(ExitCode::interrupted)};
        }
    }
    return {described, false};
}

}  // namespace

Submission new_submission(const PointSet& set, const std::vector<std::size_t>& points,
                          SlurmWork work) {
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    Submission submission;
    submission.token = sha256_hex(fmt::format("{} {} {}", set.folder.string(), ::getpid(), now))
                           .substr(0, token_digits);
    for (const auto i : points) submission.points.push_back(set.points[i].id);
    submission.work = work;
    submission.per_task = points_per_task(set, work);
    return submission;
}

fs::path script_of(const PointSet& set, const Submission& submission) {
    return file_of(set, submission, ".sh");
}

void keep_submission(const PointSet& set, const Submission& submission) {
    std::string list;
    if (!submission.after.empty()) list += fmt::format("{}{}\n", after_mark, submission.after);
    if (submission.per_task > 1) {
        list += fmt::format("{}{}\n", per_task_mark, submission.per_task);
    }
    for (const auto& id : submission.points) list += id + "\n";
    write_text_atomically(list_of(set, submission), list);
}

void forget_submission(const PointSet& set, const Submission& submission) {
    std::error_code none;
    fs::remove(list_of(set, submission), none);
}

void name_job(const PointSet& set, Submission& submission, const std::string& job) {
    const auto list = list_of(set, submission), script = script_of(set, submission);
    submission.job = job;
    std::error_code gone;  // another process may have been quicker
    fs::rename(script, script_of(set, submission), gone);
    fs::rename(list, list_of(set, submission), gone);
}

std::string comment_of(const Submission& submission) { return comment_mark + submission.token; }

std::optional<std::string> job_in_queue(const Submission& submission) {
    const Queue queue = ask_queue();
    if (queue.exit_code != 0) throw Failure("squeue doesn't answer: {}", queue.error);
    return job_of(submission, queue);
}

SlurmTasks slurm_tasks(const PointSet& set, QueueUnknown unknown) {
    SlurmTasks tasks;
    const auto submissions = submissions_of(set);
    if (submissions.empty()) return tasks;
    const Queue queue = ask_queue();
    const bool answers = queue.exit_code == 0 || queue.exit_code == no_such_program;
    if (queue.exit_code != 0 && unknown == QueueUnknown::refuse) {
        throw Failure(
            "squeue can't be asked, and points that wait in the queue must not be submitted "
            "again ({}); try again when it answers",
            queue.error);
    }
    if (!answers) warn_once(queue.error);
    std::map<std::string, SharedWork> shared_work;  // by its job
    for (Submission submission : submissions) {
        if (submission.job.empty()) {
            if (const auto job = job_of(submission, queue)) name_job(set, submission, *job);
        }
        // It was not taken, or has ended: the files of its points tell.
        if (submission.job.empty() && answers) continue;
        if (submission.work == SlurmWork::shared) {
            shared_work[submission.job] = look_at_shared_work(set, submission, queue);
            continue;
        }
        for (std::size_t i = 0; i < submission.points.size(); ++i) {
            SlurmTask& task = tasks[submission.points[i]];
            const std::string name =
                name_of_task(submission, i / static_cast<std::size_t>(submission.per_task));
            const auto entry = queue.tasks.find(name);
            const bool queued = entry != queue.tasks.end() && entry->second.belongs_to(submission);
            task = queued ? entry->second.task : SlurmTask{.job = name, .state = {}, .reason = {}};
            task.known = answers;
            task.log = point_files::logs(set) / (name + ".log");
            if (submission.per_task > 1) {
                task.task_log = std::exchange(
                    task.log,
                    point_files::logs(set) / fmt::format("{}-{}.log", name, submission.points[i]));
            }
            const auto shared = shared_work.find(submission.after);
            const bool waits_for_it = task.state.empty() || task.reason.starts_with("Dependency");
            if (shared != shared_work.end() && waits_for_it) {
                task.reason = shared->second.described;
                task.killed = shared->second.killed;
            }
        }
    }
    return tasks;
}

}  // namespace comq
