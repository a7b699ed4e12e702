#include "sweep/slurm_script.hpp"

#include <fmt/format.h>

#include <optional>
#include <sstream>

#include "config/value_types.hpp"
#include "core/child_process.hpp"
#include "core/text.hpp"
#include "points/point_status.hpp"
#include "sweep/slurm_task.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t default_max_array_size = 1001;
/** A value of an #SBATCH line, which sbatch splits at blanks outside quotes and cuts at #. */
std::string sbatch_quoted(const std::string& value) {
    return value.find_first_of(" \t'#") == std::string::npos ? value : "\"" + value + "\"";
}

/** A file name in which % begins nothing. */
std::string without_patterns(const fs::path& file) {
    return replace_each(file.string(), {{"%", "%%"}});
}

std::string directives(const PointSet& sweep, std::size_t tasks, int cpus, SlurmWork work) {
    const SlurmSettings& slurm = sweep.slurm;
    std::string text =
        directive("job-name", work == SlurmWork::points ? sweep.name : sweep.name + "-shared");
    text += directive(
        "array",
        fmt::format("0-{}{}", tasks - 1,
                    slurm.concurrent > 0 ? fmt::format("%{}", slurm.concurrent) : std::string()));
    text += directive("output", log_pattern(sweep, "%A_%a.log"));
    text += "#SBATCH --open-mode=append\n#SBATCH --requeue\n";
    text += fmt::format("#SBATCH --signal=B:USR1@{}\n", slurm.lead_time);
    text += fmt::format("#SBATCH --ntasks={}\n#SBATCH --cpus-per-task={}\n", slurm.ranks, cpus);
    return text + site_directives(slurm);
}

}  // namespace

std::string directive(const std::string& option, const std::string& value) {
    return fmt::format("#SBATCH --{}={}\n", option, sbatch_quoted(value));
}

std::string log_pattern(const PointSet& set, const std::string& name) {
    return without_patterns(point_files::logs(set)) + "/" + name;
}

std::string site_directives(const SlurmSettings& slurm) {
    std::string text;
    const auto add_given = [&](const char* option, const std::optional<std::string>& value) {
        if (value) text += directive(option, *value);
    };
    add_given("partition", slurm.partition);
    add_given("account", slurm.account);
    add_given("time", slurm.time);
    add_given("mem", slurm.memory);
    add_given("gres", slurm.gres);
    for (const auto& option : slurm.options) text += fmt::format("#SBATCH {}\n", option);
    return text;
}

std::size_t max_array_size() {
    const auto config = run_shell("scontrol show config 2>/dev/null");
    std::istringstream lines(config.output);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("MaxArraySize")) continue;
        const auto value = line.find_last_of(" =");
        const auto size = parse_number<std::size_t>(line.substr(value + 1));
        if (size && *size > 0) return *size;
    }
    return default_max_array_size;
}

int points_per_task(const PointSet& set, SlurmWork work) {
    return work == SlurmWork::shared ? 1 : set.slurm.points_per_task;
}

std::size_t tasks_of(const PointSet& set, std::size_t points, SlurmWork work) {
    const auto each = static_cast<std::size_t>(points_per_task(set, work));
    return (points + each - 1) / each;
}

std::vector<std::vector<std::size_t>> slurm_arrays(const PointSet& set,
                                                   const std::vector<std::size_t>& chosen,
                                                   std::size_t max_tasks) {
    const std::size_t limit = max_tasks * static_cast<std::size_t>(points_per_task(set));
    std::vector<std::vector<std::size_t>> arrays;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (i % limit == 0) arrays.emplace_back();
        arrays.back().push_back(chosen[i]);
    }
    return arrays;
}

std::string slurm_script(const PointSet& sweep, const std::vector<std::size_t>& points,
                         const fs::path& program, int cpus, SlurmWork work) {
    std::string list;
    for (const auto i : points) list += "    " + sweep.points[i].id + "\n";
    return fmt::format("#!/bin/bash\n{}\npoints=(\n{})\n",
                       directives(sweep, tasks_of(sweep, points.size(), work), cpus, work), list) +
           task_text(sweep, program, cpus, work);
}

}  // namespace comq
