#include "sweep/slurm_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "config/value_types.hpp"
#include "core/child_process.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

constexpr int default_cpus = 4;

/** An option of sbatch that is not for slurm.options, and what to do instead. */
struct TakenOption {
    std::string long_name;
    char short_name;
    const char* instead;
};

const std::array taken_options{
    TakenOption{"--array", 'a', "the array has a task for each point; set slurm.concurrent"},
    TakenOption{"--output", 'o', "logs lie in the sweep's folder, where sweep_status reads them"},
    TakenOption{"--error", 'e', "logs lie in the sweep's folder, where sweep_status reads them"},
    TakenOption{"--open-mode", 0, "a task that is requeued goes on in its log"},
    TakenOption{"--ntasks", 'n', "set slurm.ranks, or slurm.cpus for more cores"},
    TakenOption{"--ntasks-per-node", 0, "set slurm.ranks, or slurm.cpus for more cores"},
    TakenOption{"--cpus-per-task", 'c', "set slurm.cpus"},
    TakenOption{"--signal", 0, "set slurm.lead_time"},
    TakenOption{"--no-requeue", 0, "tasks requeue themselves to continue"},
    TakenOption{"--comment", 0, "run_sweep finds its jobs by it"},
    TakenOption{"--parsable", 0, "run_sweep reads what sbatch prints"},
    TakenOption{"--wrap", 0, "run_sweep writes the script"}};

/** Cores of the largest node that tasks may run on; none where Slurm can't be asked. */
std::optional<int> largest_node(const std::optional<std::string>& partition) {
    const std::string wanted = partition ? " --partition=" + shell_quoted(*partition) : "";
    const auto nodes =
        run_shell("sinfo --Node --noheader --format='%P %c'" + wanted + " 2>/dev/null");
    std::optional<int> most;
    std::istringstream lines(nodes.output);
    for (std::string name, cores; lines >> name >> cores;) {
        // An asterisk marks the partition of jobs that name none.
        if (!partition && !name.ends_with('*')) continue;
        most = std::max(most.value_or(0), parse_number<int>(cores).value_or(0));
    }
    return most;
}

bool starts_ranks(const std::string& prefix) {
    std::istringstream words(prefix);
    for (std::string word; words >> word;) {
        const std::string name = word.substr(word.rfind('/') + 1);
        for (const char* launcher : {"srun", "mpirun", "mpiexec", "orterun", "prterun"}) {
            if (name == launcher) return true;
        }
    }
    return false;
}

/** Of days, hours, minutes or seconds: so many that they can be counted in seconds. */
std::optional<int64_t> whole_number(const std::string& word) {
    const auto number = parse_number<int64_t>(word);
    return number && *number >= 0 && *number <= 1'000'000'000 ? number : std::nullopt;
}

/** The numbers of "12:30:00"; empty when it is something else. */
std::vector<int64_t> numbers_between_colons(const std::string& text) {
    std::vector<int64_t> numbers;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ':');) {
        const auto number = whole_number(word);
        if (!number) return {};
        numbers.push_back(*number);
    }
    return numbers;
}

}  // namespace

std::optional<int64_t> slurm_seconds(const std::string& time) {
    const auto dash = time.find('-');
    auto parts = numbers_between_colons(dash == std::string::npos ? time : time.substr(dash + 1));
    if (parts.empty() || parts.size() > 3) return std::nullopt;
    int64_t days = 0;
    if (dash != std::string::npos) {
        const auto number = whole_number(time.substr(0, dash));
        if (!number) return std::nullopt;
        days = *number;
    } else if (parts.size() < 3) {
        parts.insert(parts.begin(), 0);  // the first number counts minutes
    }
    parts.resize(3, 0);
    return ((days * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2];
}

std::optional<std::string> option_value(const std::vector<std::string>& options,
                                        const std::string& long_name, char short_name) {
    std::optional<std::string> value;
    for (const std::string& option : options) {
        std::string rest;
        if (option.starts_with(long_name)) {
            rest = option.substr(long_name.size());
            if (!rest.empty() && rest.front() != '=' && rest.front() != ' ') continue;
        } else if (short_name != 0 && option.size() > 1 && option[0] == '-' &&
                   option[1] == short_name) {
            rest = option.substr(2);
        } else {
            continue;
        }
        value = rest.substr(std::min(rest.size(), rest.find_first_not_of("= ")));
    }
    return value;
}

std::optional<std::string> partition_of(const SlurmSettings& slurm) {
    if (const char* variable = std::getenv("SBATCH_PARTITION")) return variable;
    const auto option = option_value(slurm.options, "--partition", 'p');
    return option ? option : slurm.partition;
}

std::string run_prefix(const SlurmSettings& slurm) {
    if (slurm.prefix) return *slurm.prefix;
    return slurm.ranks > 1 ? "srun --mpi=pmix" : "";
}

void check_slurm(const PointSet& set) {
    if (const auto bad = set.folder.string().find_first_of("\\\"\n"); bad != std::string::npos) {
        throw UsageError(
            "{}: Slurm can't be told of a folder with {} in its name; set 'folder' to another",
            set.folder.string(), set.folder.string()[bad] == '\n' ? "a line end" : "\\ or \"");
    }
    const SlurmSettings& slurm = set.slurm;
    for (const auto& [long_name, short_name, instead] : taken_options) {
        const auto value = option_value(slurm.options, long_name, short_name);
        if (!value || (long_name == "--ntasks" && *value == std::to_string(slurm.ranks)) ||
            (long_name == "--ntasks-per-node" && (slurm.ranks > 1 || *value == "1"))) {
            continue;
        }
        throw UsageError("slurm.options: {} is not among them: {}", long_name, instead);
    }
    if (slurm.ranks > 1 && !starts_ranks(run_prefix(slurm))) {
        throw UsageError(
            "slurm.prefix: '{}' starts one process and slurm.ranks is {}; begin it with srun or "
            "mpirun",
            run_prefix(slurm), slurm.ranks);
    }
    const auto option = option_value(slurm.options, "--time", 't');
    const auto time = option ? option : slurm.time;
    const auto seconds = time ? slurm_seconds(*time) : std::nullopt;
    if (seconds && slurm.lead_time >= *seconds) {
        throw UsageError(
            "slurm.lead_time: a task that stops {} s before its time limit of {} ({} s) does "
            "nothing; raise slurm.time, or lower slurm.lead_time",
            slurm.lead_time, *time, *seconds);
    }
}

int slurm_cpus(const SlurmSettings& slurm) {
    const auto most = largest_node(partition_of(slurm));
    const int cpus = slurm.cpus.value_or(std::min(default_cpus, most.value_or(default_cpus)));
    if (most && cpus > *most) {
        throw UsageError("slurm.cpus: no node has {} cores, the largest has {}; ask for fewer",
                         cpus, *most);
    }
    return cpus;
}

}  // namespace comq
