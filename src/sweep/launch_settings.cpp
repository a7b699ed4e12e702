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

}  // namespace

Schema<SlurmSettings> slurm_keys() {
    Schema<SlurmSettings> keys;
    const auto word = optional(text_where("a text", is_one_line));
    keys.add({.key = "concurrent", .meaning = "Tasks of the array that run at a time."},
             &SlurmSettings::concurrent, count_or_all<int>());
    keys.add({.key = "cpus",
              .meaning = "Cores and threads of a task; null: 4, or all of the largest node where "
                         "that has fewer."},
             &SlurmSettings::cpus, optional(integer<int>(1, 4096)));
    keys.add({.key = "lead_time",
              .meaning = "How long before its time limit a task is told to finish the layer it "
                         "is at and to requeue itself.",
              .unit = "seconds"},
             &SlurmSettings::lead_time, integer<int>(1, 65'535));
    keys.add({.key = "partition", .meaning = "sbatch --partition."}, &SlurmSettings::partition,
             word);
    keys.add({.key = "account", .meaning = "sbatch --account."}, &SlurmSettings::account, word);
    keys.add({.key = "time", .meaning = "sbatch --time, of a task, like 1:30:00."},
             &SlurmSettings::time, word);
    keys.add({.key = "memory", .meaning = "sbatch --mem, of a task."}, &SlurmSettings::memory,
             word);
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
