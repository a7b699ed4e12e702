#include "sweep/last_job.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "points/point_status.hpp"
#include "storage/atomic_file.hpp"
#include "sweep/sbatch.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/slurm_task.hpp"
#include "sweep/task_estimate.hpp"

namespace comq {

namespace {

constexpr const char* setup_end = R"sh(
setup_failed() {
    echo "error: slurm.setup: '$1' failed with exit code $2"
    exit 1
}
)sh";

constexpr const char* last_body = R"sh(
cd {directory} || exit 1
exec {command}
)sh";

std::string quoted(const std::vector<std::string>& command) {
    std::vector<std::string> words;
    for (const auto& word : command) words.push_back(shell_quoted(word));
    return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace

bool wants_last_job(const SlurmSettings& slurm) {
    return slurm.last.collect || slurm.last.report || !slurm.last.table.empty() ||
           slurm.last.mail || slurm.retries > 0;
}

std::string last_script(const PointSet& set, const std::vector<std::string>& command) {
    SlurmSettings slurm = set.slurm;
    slurm.gres.reset();
    slurm.memory.reset();
    if (slurm.time == by_estimate) slurm.time.reset();
    std::string text = "#!/bin/bash\n";
    text += directive("job-name", set.name + "-last");
    text += directive("output", log_pattern(set, "last-%j.log"));
    text += "#SBATCH --open-mode=append\n#SBATCH --requeue\n#SBATCH --ntasks=1\n";
    text += "#SBATCH --cpus-per-task=1\n";
    if (slurm.last.mail) {
        text += directive("mail-user", *slurm.last.mail) + "#SBATCH --mail-type=END,FAIL\n";
    }
    return text + site_directives(slurm) + alone_text() + setup_end + setup_text(slurm.setup) +
           fmt::format(
               last_body,
               fmt::arg("directory", shell_quoted(std::filesystem::current_path().string())),
               fmt::arg("command", quoted(command)));
}

std::string submit_last_job(const PointSet& set, const std::vector<std::string>& jobs,
                            const std::vector<std::string>& command) {
    const auto script =
        point_files::submissions(set) / fmt::format("after-{}.sh", fmt::join(jobs, "-"));
    create_folder(script.parent_path(), "set 'folder' to one you may write to");
    create_folder(point_files::logs(set), "set 'folder' to one you may write to");
    write_text_atomically(script, last_script(set, command));
    const auto result = run_sbatch(fmt::format("--dependency=afterany:{} {}", fmt::join(jobs, ":"),
                                               shell_quoted(script.string())));
    if (result.job) return *result.job;
    throw Failure("{}: sbatch refuses it: {}; job {} is submitted and runs without a last job",
                  script.string(), result.words, fmt::join(jobs, ", "));
}

}  // namespace comq
