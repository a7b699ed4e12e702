#include "sweep/launch_slurm.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <thread>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "storage/file_lock.hpp"
#include "sweep/sbatch.hpp"
#include "sweep/shared_work.hpp"
#include "sweep/slurm_queue.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/slurm_settings.hpp"
#include "sweep/task_estimate.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** How often a queue is looked into for a job of which sbatch said nothing, a second apart. */
constexpr int looks_into_queue = 5;

/** Submits the arrays of one set. */
class Submitter {
  public:
    Submitter(const PointSet& set, const fs::path& program, std::chrono::seconds wait)
        : set_(set), program_(program), wait_(wait), cpus_(slurm_cpus(set.slurm)) {}

    /** Submits what the points share with others, which all arrays of points then begin after. */
    void submit_shared(const std::vector<std::size_t>& points) {
        launched_.shared_job = submit(points, SlurmWork::shared);
    }

    /** Submits points as an array that begins after the last one has ended. */
    void submit_points(const std::vector<std::size_t>& points) {
        launched_.jobs.push_back(submit(points, SlurmWork::points));
        launched_.points += points.size();
    }

    Launched launched() && { return std::move(launched_); }

  private:
    std::string submit(const std::vector<std::size_t>& points, SlurmWork work) const {
        Submission submission = new_submission(set_, points, work);
        submission.after = launched_.shared_job;
        const fs::path script = script_of(set_, submission);
        write_text_atomically(script, slurm_script(set_, points, program_, cpus_, work));
        keep_submission(set_, submission);
        const std::string job = job_of(submission, script);
        name_job(set_, submission, job);
        return job;
    }

    /** Has sbatch take the script; returns the id of its job. */
    std::string job_of(const Submission& submission, const fs::path& script) const {
        const auto answer = run_sbatch(fmt::format("{}{}--comment={} {}", dependency(), begin(),
                                                   shell_quoted(comment_of(submission)),
                                                   shell_quoted(script.string())));
        if (answer.job) return *answer.job;
        if (const auto taken = job_taken_all_the_same(submission, answer.words)) return *taken;
        forget_submission(set_, submission);
        if (answer.exit_code == 127) {
            throw UsageError(
                "there is no sbatch here; log in where Slurm is, or use --launcher local");
        }
        throw Failure("{}: sbatch refuses it: {}{}", script.string(), answer.words, before());
    }

    /** A controller that is busy may take a job and not say so in time. */
    std::optional<std::string> job_taken_all_the_same(const Submission& submission,
                                                      const std::string& words) const {
        const bool unsure = words.find("timed out") != std::string::npos ||
                            words.find("Unable to contact") != std::string::npos;
        if (!unsure) return std::nullopt;
        for (int look = 0; look < looks_into_queue; ++look) {
            if (look > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
            std::optional<std::string> job;
            try {
                job = job_in_queue(submission);
            } catch (const Failure& error) {
                if (look + 1 < looks_into_queue) continue;
                throw Failure(
                    "{}: sbatch does not say whether it was taken ({}), and {}{}; sweep_status "
                    "knows once squeue answers",
                    script_of(set_, submission).string(), words, error.what(), before());
            }
            if (job) {
                spdlog::warn("sbatch did not answer ({}), but job {} is in the queue", words, *job);
                return job;
            }
        }
        return std::nullopt;
    }

    /** Also what the user has the tasks wait for: the command line replaces what a script says. */
    std::string dependency() const {
        std::vector<std::string> all;
        if (!launched_.shared_job.empty()) all.push_back("afterok:" + launched_.shared_job);
        if (!launched_.jobs.empty()) all.push_back("afterany:" + launched_.jobs.back());
        if (all.empty()) return "";
        if (const auto own = option_value(set_.slurm.options, "--dependency", 'd')) {
            all.push_back(*own);
        }
        // Points whose shared work failed would wait for ever.
        return fmt::format("--kill-on-invalid-dep=yes --dependency={} ",
                           shell_quoted(fmt::format("{}", fmt::join(all, ","))));
    }

    std::string begin() const {
        return wait_.count() == 0 ? "" : fmt::format("--begin=now+{} ", wait_.count());
    }

    std::string before() const {
        return launched_.jobs.empty()
                   ? ""
                   : fmt::format("; {} points were submitted before, as job {}", launched_.points,
                                 fmt::join(launched_.jobs, ", "));
    }

    const PointSet& set_;
    const fs::path& program_;
    std::chrono::seconds wait_;
    int cpus_;
    Launched launched_;
};

/** Those that nobody has run or submitted meanwhile. */
std::vector<std::size_t> still_to_be_run(const PointSet& set,
                                         const std::vector<std::size_t>& chosen) {
    const auto statuses = status_of(set, slurm_tasks(set, QueueUnknown::refuse));
    std::vector<std::size_t> left;
    for (const auto i : chosen) {
        if (to_be_run(statuses[i].state, false)) left.push_back(i);
    }
    return left;
}

/** The set with what its tasks are estimated to need, where that is to be asked for. */
PointSet sized(const PointSet& set, const std::vector<std::size_t>& chosen,
               const fs::path& program) {
    PointSet result = set;
    if (asks_for_estimate(set.slurm) && !chosen.empty()) {
        result.slurm = with_estimate(set.slurm, estimate_points(set, chosen, status_of(set),
                                                                program, slurm_cpus(set.slurm)));
    }
    return result;
}

}  // namespace

Launched launch_slurm(const PointSet& whole, const std::vector<std::size_t>& chosen,
                      const fs::path& program, const std::atomic<bool>& stop,
                      std::chrono::seconds wait) {
    check_slurm(whole);
    const PointSet set = sized(whole, chosen, program);
    Submitter submitter(set, program, wait);
    const fs::path folder = point_files::submissions(set);
    fs::create_directories(folder);
    const auto lock = FileLock::wait(folder / "submission", stop, [](const std::string& holder) {
        spdlog::info("waiting for {}, which submits points of this folder", holder);
    });
    if (!lock) throw Interrupted("interrupted; nothing was submitted");
    const auto left = still_to_be_run(set, chosen);
    prepare_folder(set, left, RunsOn::node);
    if (const auto sharing = sharing_points(set, left); !sharing.empty()) {
        submitter.submit_shared(sharing);
    }
    for (const auto& points : slurm_arrays(set, left)) submitter.submit_points(points);
    return std::move(submitter).launched();
}

}  // namespace comq
