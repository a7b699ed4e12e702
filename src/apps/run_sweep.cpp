#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "config/config_paths.hpp"
#include "config/explain.hpp"
#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/standard_streams.hpp"
#include "experiment/known_names.hpp"
#include "storage/atomic_file.hpp"
#include "sweep/collect_points.hpp"
#include "sweep/launch_local.hpp"
#include "sweep/launch_slurm.hpp"
#include "sweep/open_sweep.hpp"
#include "sweep/slurm_script.hpp"
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

void collect(const Sweep& sweep, const std::string& output) {
    const SweepTable table = collect_points(sweep);
    const std::string csv = table_csv(table);
    const auto file = table_file(sweep, output);
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    write_text_atomically(file, csv);
    // Not .h5, which is what results end in.
    auto hdf5 = file;
    hdf5.replace_extension(".hdf5");
    write_table(hdf5, table, sweep);
    fmt::print("{} of {} points: {}, {}\n", table.rows, sweep.points.size(), file.string(),
               hdf5.string());
}

void print_plan(const Sweep& sweep, const std::vector<PointStatus>& statuses,
                const std::vector<std::size_t>& chosen, const std::string& launcher) {
    fmt::print("{}{} to be run\n", status_table(sweep, statuses), chosen.size());
    if (chosen.empty()) return;
    if (launcher == "local") {
        const auto command =
            point_command(sweep, sweep.points[chosen.front()], experiment_program());
        fmt::print("{} at a time, the first one by\n  {}\n", sweep.spec.local.jobs,
                   fmt::join(command, " "));
        return;
    }
    for (const auto& points : slurm_arrays(chosen)) {
        fmt::print("\n{}",
                   slurm_script(sweep, points, experiment_program(), slurm_cpus(sweep.spec.slurm)));
    }
}

void launch(const Arguments& arguments, const Sweep& sweep) {
    const bool submits = arguments.launcher == "slurm" && !arguments.dry_run;
    const auto statuses =
        status_of(sweep, slurm_tasks(sweep, submits ? QueueUnknown::refuse : QueueUnknown::warn));
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        if (to_be_run(statuses[i].state, arguments.only_failed)) chosen.push_back(i);
    }
    if (arguments.dry_run) {
        print_plan(sweep, statuses, chosen, arguments.launcher);
        return;
    }
    if (chosen.empty()) {
        fmt::print("nothing to run; {}\n", count_line(statuses));
        return;
    }
    for (const auto i : chosen) check_paths(sweep.points[i].config);
    if (arguments.launcher == "slurm") {
        const auto jobs = launch_slurm(sweep, chosen, experiment_program());
        fmt::print("{} points submitted as job {}; sweep_status {} shows how they are\n",
                   chosen.size(), fmt::join(jobs, ", "), arguments.sweep);
        return;
    }
    inform(fmt::format("{}; running {} in {}\n", count_line(statuses), chosen.size(),
                       sweep.spec.folder.string()));
    catch_interrupts();
    launch_local(sweep, chosen, {experiment_program(), arguments.fail_fast}, interrupt_requested());
    fmt::print("{}", status_table(sweep, status_of(sweep)));
}

void run(const Arguments& arguments) {
    if (arguments.explain) {
        fmt::print("{}", explain_keys(sweep_keys(), "all"));
        return;
    }
    if (arguments.sweep.empty()) {
        throw UsageError("no sweep is named; try: run_sweep experiments/order_bits.yaml --dry-run");
    }
    const Sweep sweep = open_sweep(arguments.sweep, arguments.overrides, known_names());
    if (arguments.collect) {
        collect(sweep, arguments.output);
    } else {
        launch(arguments, sweep);
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
    return program.run(argc, argv, [&] { run(arguments); });
}
