#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "config/explain.hpp"
#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/json_text.hpp"
#include "core/standard_streams.hpp"
#include "experiment/known_names.hpp"
#include "experiment_config/config_paths.hpp"
#include "storage/atomic_file.hpp"
#include "sweep/collect_points.hpp"
#include "sweep/launch_local.hpp"
#include "sweep/launch_slurm.hpp"
#include "sweep/open_sweep.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/sweep_json.hpp"
#include "sweep/sweep_table_file.hpp"
#include "sweep/sweep_table_text.hpp"
#include "sweep/sweep_text.hpp"

using namespace comq;

namespace {

constexpr const char* examples =
    "Examples:\n"
    "  run_sweep experiments/order_bits.yaml\n"
    "  run_sweep experiments/order_bits.yaml config=configs/deit_tiny_4bit.yaml\n"
    "      data.root=/data/imagenet local.jobs=2\n"
    "  run_sweep experiments/order_bits.yaml --launcher slurm slurm.partition=short --dry-run\n"
    "  run_sweep experiments/order_bits.yaml --collect\n"
    "Exit codes: those of run_experiment; 1 when points failed, 75 when it or a\n"
    "point was stopped by a signal.";

struct Arguments {
    std::string sweep;
    std::vector<std::string> overrides;
    std::string launcher = "local";
    bool dry_run = false;
    bool only_failed = false;
    bool fail_fast = false;
    bool collect = false;
    std::string output;
    bool explain = false;
};

/** run_experiment beside this program, where both are built and installed. */
std::filesystem::path experiment_program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "run_experiment";
}

/** The CSV of the table: `output` with or without its ending, NAME.csv in the folder without. */
std::filesystem::path table_file(const Sweep& sweep, std::filesystem::path output) {
    if (output.empty()) return sweep.spec.folder / (sweep.spec.name + ".csv");
    if (output.extension() == ".csv" || output.extension() == ".hdf5") output.replace_extension();
    output += ".csv";
    return output;
}

void collect(const Sweep& sweep, const std::string& output, Program& program) {
    const SweepTable table = collect_points(sweep);
    const auto file = table_file(sweep, output);
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    write_text_atomically(file, sweep_table_csv(table));
    // Not .h5, which is what results end in.
    auto hdf5 = file;
    hdf5.replace_extension(".hdf5");
    write_sweep_table(hdf5, table);
    if (program.json()) {
        auto json = sweep_table_json(table);
        json["files"] = {file.string(), hdf5.string()};
        program.print(json_text(json));
    } else {
        program.print(fmt::format("{} of {} points: {}, {}\n", table.rows, table.sweep_runs,
                                  file.string(), hdf5.string()));
    }
}

/** Launches the points of one sweep that are not finished, and tells the user. */
class Launch {
  public:
    Launch(const Arguments& arguments, const Sweep& sweep, Program& program)
        : arguments_(arguments), sweep_(sweep), program_(program) {}

    void run() {
        const bool by_slurm = arguments_.launcher == "slurm";
        const auto statuses = statuses_of(by_slurm && !arguments_.dry_run ? QueueUnknown::refuse
                                                                          : QueueUnknown::warn);
        for (std::size_t i = 0; i < statuses.size(); ++i) {
            if (to_be_run(statuses[i].state, arguments_.only_failed)) chosen_.push_back(i);
        }
        if (arguments_.dry_run) {
            print_plan(statuses);
        } else if (chosen_.empty()) {
            tell(statuses, fmt::format("nothing to run; {}\n", count_line(statuses)));
        } else {
            for (const auto i : chosen_) check_paths(sweep_.points[i].config);
            by_slurm ? submit() : run_here(statuses);
        }
    }

  private:
    using Statuses = std::vector<PointStatus>;

    Statuses statuses_of(QueueUnknown unknown) const {
        return status_of(sweep_, slurm_tasks(sweep_, unknown));
    }

    /** `text`, or JSON: how the points are, which ones this call was to run, and `more`. */
    void tell(const Statuses& statuses, const std::string& text,
              const nlohmann::ordered_json& more = nlohmann::ordered_json::object()) {
        if (!program_.json()) return program_.print(text);
        auto json = sweep_json(sweep_, statuses);
        json["launcher"] = arguments_.launcher;
        json["chosen"] = nlohmann::ordered_json::array();
        for (const auto i : chosen_) json["chosen"].push_back(sweep_.points[i].id);
        json.update(more);
        program_.print(json_text(json));
    }

    void print_plan(const Statuses& statuses) {
        std::string text =
            fmt::format("{}{} to be run\n", status_table(sweep_, statuses), chosen_.size());
        auto more = nlohmann::ordered_json::object();
        if (!chosen_.empty() && arguments_.launcher == "local") {
            const auto command =
                point_command(sweep_, sweep_.points[chosen_.front()], experiment_program());
            text += fmt::format("{} at a time, the first one by\n  {}\n", sweep_.spec.local.jobs,
                                fmt::join(command, " "));
            more["command"] = command;
        } else if (!chosen_.empty()) {
            const int cpus = slurm_cpus(sweep_.spec.slurm);
            for (const auto& points : slurm_arrays(chosen_)) {
                const auto script = slurm_script(sweep_, points, experiment_program(), cpus);
                text += "\n" + script;
                more["scripts"].push_back(script);
            }
        }
        tell(statuses, text, more);
    }

    void submit() {
        const auto jobs = launch_slurm(sweep_, chosen_, experiment_program());
        const std::string text =
            fmt::format("{} points submitted as job {}; sweep_status {} shows how they are\n",
                        chosen_.size(), fmt::join(jobs, ", "), arguments_.sweep);
        // A queue that can't be asked any more is no reason to have the jobs forgotten.
        tell(program_.json() ? statuses_of(QueueUnknown::warn) : Statuses{}, text,
             {{"jobs", jobs}});
    }

    void run_here(const Statuses& statuses) {
        inform(fmt::format("{}; running {} in {}\n", count_line(statuses), chosen_.size(),
                           sweep_.spec.folder.string()));
        catch_interrupts();
        try {
            launch_local(sweep_, chosen_, {experiment_program(), arguments_.fail_fast},
                         interrupt_requested());
        } catch (const Error&) {
            if (program_.json()) tell(status_of(sweep_), "");
            throw;
        }
        const auto ended = status_of(sweep_);
        tell(ended, status_table(sweep_, ended));
    }

    const Arguments& arguments_;
    const Sweep& sweep_;
    Program& program_;
    std::vector<std::size_t> chosen_;
};

void run(const Arguments& arguments, Program& program) {
    if (arguments.explain) {
        fmt::print("{}", explain_keys(sweep_keys(), "all"));
        return;
    }
    if (arguments.sweep.empty()) {
        throw UsageError("no sweep is named; try: run_sweep experiments/order_bits.yaml --dry-run");
    }
    const Sweep sweep = open_sweep(arguments.sweep, arguments.overrides, known_names());
    if (arguments.collect) {
        collect(sweep, arguments.output, program);
    } else {
        Launch(arguments, sweep, program).run();
    }
}

}  // namespace

int main(int argc, char** argv) {
    Program program("run_sweep",
                    "Runs the points of a sweep that are not finished, here or under Slurm.",
                    examples);
    CLI::App& app = program.arguments();
    Arguments arguments;
    app.add_option("SWEEP", arguments.sweep, "sweep file (.yaml)");
    app.add_option("key=value", arguments.overrides,
                   "keys of the sweep (slurm.time=1:00:00) or of every point's experiment");
    app.add_option("--launcher", arguments.launcher, "where the points run")
        ->check(CLI::IsMember({"local", "slurm"}))
        ->capture_default_str();
    app.add_flag("--dry-run", arguments.dry_run, "print the points and how they would be run");
    app.add_flag("--only-failed", arguments.only_failed,
                 "run the points that failed or were interrupted, not those never begun");
    app.add_flag("--fail-fast", arguments.fail_fast,
                 "stop the others when a point fails (local launcher)");
    auto* collects = app.add_flag(
        "--collect", arguments.collect,
        "write the finished points as one table, NAME.csv and NAME.hdf5, and run nothing");
    app.add_option("-o,--output", arguments.output,
                   "table that --collect writes, as FILE.csv and FILE.hdf5 (default: NAME in the "
                   "sweep's folder)")
        ->needs(collects);
    app.add_flag("--explain", arguments.explain, "print the keys of a sweep file");
    program.offer_keys([] { return sweep_arguments(known_names()); });
    program.offer_shipped_files("experiments");
    program.offer_json();
    return program.run(argc, argv, [&] { run(arguments, program); });
}
