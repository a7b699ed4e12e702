#include "sweep/launch_settings.hpp"

#include <cstdlib>
#include <functional>

#include "config/override.hpp"
#include "core/threads.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

ValueType<std::vector<std::string>> texts(const std::string& description,
                                          std::function<bool(const std::string&)> allowed) {
    return sequence_of(text_where(description, std::move(allowed)), "list, each " + description);
}

bool is_one_line(const std::string& value) {
    return !value.empty() && value.find('\n') == std::string::npos;
}

Schema<LastJob> last_job_keys() {
    Schema<LastJob> keys;
    keys.add({.key = "collect",
              .meaning = "When all tasks have ended, have a last job write the table of the sweep, "
                         "NAME.csv and NAME.hdf5, and summary.json."},
             &LastJob::collect, boolean());
    keys.add({.key = "table",
              .meaning = "Table (make_tables) that the last job makes of the sweep's results, as "
                         "Markdown in the sweep's folder; null: none."},
             &LastJob::table, path());
    keys.add({.key = "report",
              .meaning = "Have the last job write report.html (make_report) into the sweep's "
                         "folder."},
             &LastJob::report, boolean());
    keys.add({.key = "mail",
              .meaning = "sbatch --mail-user of the last job, whose end Slurm then tells; null: no "
                         "mail."},
             &LastJob::mail, optional(text_where("a text", is_one_line)));
    return keys;
}

}  // namespace

Schema<SlurmSettings> slurm_keys() {
    Schema<SlurmSettings> keys;
    const auto word = optional(text_where("a text", is_one_line));
    keys.add({.key = "concurrent", .meaning = "Tasks of the array that run at a time."},
             &SlurmSettings::concurrent, count_or_all<int>());
    keys.add({.key = "points_per_task",
              .meaning = "Points that a task of the array runs, one after the other: for points "
                         "that take less time than a task takes to begin. slurm.time is that of "
                         "all of them."},
             &SlurmSettings::points_per_task, integer<int>(1, 100'000));
    keys.add({.key = "cpus",
              .meaning = "Cores and threads of a task; null: 4, or all of the largest node where "
                         "that has fewer."},
             &SlurmSettings::cpus, optional(integer<int>(1, 4096)));
    keys.add({.key = "ranks",
              .meaning = "MPI ranks that share a point, each with slurm.cpus cores and threads."},
             &SlurmSettings::ranks, integer<int>(1, 100'000));
    keys.add({.key = "prefix",
              .meaning = "Shell words before the program of a point, like apptainer exec comq.sif; "
                         "with several ranks they start these, and null is srun --mpi=pmix."},
             &SlurmSettings::prefix, word);
    keys.add({.key = "program",
              .meaning = "run_experiment as slurm.prefix finds it, in a container; null: the path "
                         "of the one beside run_sweep."},
             &SlurmSettings::program, word);
    keys.add({.key = "lead_time",
              .meaning = "How long before its time limit a task is told to finish the layer it "
                         "is at and to requeue itself.",
              .unit = "seconds"},
             &SlurmSettings::lead_time, integer<int>(1, 65'535));
    keys.add({.key = "partition", .meaning = "sbatch --partition."}, &SlurmSettings::partition,
             word);
    keys.add({.key = "account", .meaning = "sbatch --account."}, &SlurmSettings::account, word);
    keys.add(
        {.key = "time",
         .meaning = "sbatch --time, of a task, like 1:30:00; estimate: what its points take by "
                    "those that are finished, else by run_experiment --dry-run, times "
                    "slurm.estimate_factor."},
        &SlurmSettings::time, word);
    keys.add({.key = "memory",
              .meaning = "sbatch --mem, of a task; estimate: what run_experiment --dry-run counts, "
                         "times slurm.estimate_factor."},
             &SlurmSettings::memory, word);
    keys.add(
        {.key = "estimate_factor",
         .meaning = "How much more than the estimate slurm.time and slurm.memory ask for where "
                    "they are 'estimate'."},
        &SlurmSettings::estimate_factor, number(1.0, 1000.0));
    keys.add_section("last", &SlurmSettings::last, last_job_keys());
    keys.add({.key = "retries",
              .meaning = "How often the last job submits points again that were killed: by a "
                         "signal, the failure of a node, a time limit; not those that ended with "
                         "an error, ran out of memory or were cancelled."},
             &SlurmSettings::retries, integer<int>(0, 100));
    keys.add({.key = "backoff",
              .meaning = "How long points wait that are submitted again; twice as long each time.",
              .unit = "seconds"},
             &SlurmSettings::backoff, integer<int>(0, 86'400));
    keys.add({.key = "gres", .meaning = "sbatch --gres, like gpu:1."}, &SlurmSettings::gres, word);
    keys.add({.key = "options", .meaning = "Further options of sbatch."}, &SlurmSettings::options,
             texts("an option like --qos=long", [](const std::string& option) {
                 return option.starts_with("-") && is_one_line(option);
             }));
    keys.add({.key = "setup",
              .meaning = "Shell lines a task runs first, like module load or conda activate; the "
                         "first one that fails ends the task."},
             &SlurmSettings::setup, texts("a shell command", is_one_line));
    keys.add({.key = "shared_first",
              .meaning = "Have a job of its own compute what points share, full-precision "
                         "predictions and statistics of layers, and the array begin after it; "
                         "false: the first point that comes to it does, while others wait."},
             &SlurmSettings::shared_first, boolean());
    return keys;
}

Schema<LocalSettings> local_keys() {
    Schema<LocalSettings> keys;
    keys.add({.key = "jobs", .meaning = "Points that run at a time on this machine."},
             &LocalSettings::jobs, integer<int>(1, 4096));
    keys.add({.key = "threads",
              .meaning = "Threads of each; all: resources.threads where a point names a number, "
                         "else the cores shared out among the jobs."},
             &LocalSettings::threads, count_or_all<int>(most_threads));
    return keys;
}

fs::path site_file() {
    if (const char* named = std::getenv("COMQ_SITE")) return named;
    const char* folder = std::getenv("XDG_CONFIG_HOME");
    const char* home = std::getenv("HOME");
    fs::path file;
    if (folder != nullptr && *folder != '\0') {
        file = fs::path(folder) / "comq" / "slurm.yaml";
    } else if (home != nullptr) {
        file = fs::path(home) / ".config" / "comq" / "slurm.yaml";
    }
    std::error_code none;
    return fs::exists(file, none) ? file : fs::path();
}

LaunchSettings site_settings(ConfigProblems& problems) {
    LaunchSettings settings;
    const fs::path file = site_file();
    if (file.empty()) return settings;
    if (const auto document = read_yaml_file(file, problems)) {
        GivenKeys given;
        slurm_keys().read(*document, settings.slurm, given, problems);
    }
    return settings;
}

LaunchSettings launch_settings(const std::vector<std::string>& arguments) {
    Schema<LaunchSettings> schema;
    add_launch_keys(schema);
    ConfigProblems problems;
    LaunchSettings settings = site_settings(problems);
    GivenKeys given;
    for (const std::string& argument : arguments) {
        schema.read(parse_override(argument, schema.keys(), problems), settings, given, problems);
    }
    problems.throw_if_any();
    return settings;
}

std::vector<KeyInfo> launch_setting_keys() {
    Schema<LaunchSettings> schema;
    add_launch_keys(schema);
    return schema.keys();
}

}  // namespace comq
