#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/paths.hpp"
#include "core/terminal.hpp"
#include "experiment/known_names.hpp"
#include "results/run_file.hpp"
#include "sweep/launch_points.hpp"
#include "sweep/launch_settings.hpp"
#include "sweep/slurm_queue.hpp"
#include "table/missing_runs.hpp"
#include "table/render.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr const char* default_folder = "results";

struct Arguments {
    std::string spec;
    std::string format = table_formats().front().name;
    std::vector<std::string> results{default_folder};
    bool skip_unreadable = false;
    bool run_missing = false;
    Launcher launcher = Launcher::local;
    std::vector<std::string> settings;
};

void check_folders(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
        if (fs::is_directory(folder) || folder == default_folder) continue;
        if (fs::is_regular_file(folder)) {
            read_run_file(folder, ReadScope::summary);  // says what a sweep's table is
            throw UsageError("--results {}: is a file; name the folder that it lies in", folder);
        }
        throw UsageError("--results {}: there is no such folder", folder);
    }
}

std::vector<ResultFile> read_results(const Arguments& arguments) {
    auto found =
        find_results({arguments.results.begin(), arguments.results.end()},
                     arguments.skip_unreadable ? Unreadable::pass_over : Unreadable::refuse);
    for (const std::string& warning : found.warnings) spdlog::warn("{}", warning);
    return std::move(found.files);
}

/** Runs the points of a set that are not finished, or submits them. */
void launch(const PointSet& set, const LaunchOptions& options) {
    const LaunchPlan plan = plan_launch(set, options, true);
    if (plan.chosen.empty())
        return inform(fmt::format("{}: nothing to run\n", set.folder.string()));
    const auto launched = launch_points(set, plan, options, interrupt_requested());
    if (!launched.jobs.empty()) {
        inform(
            fmt::format("{}: {} points submitted as job {}; the same command fills in what has "
                        "ended\n",
                        set.folder.string(), launched.points, fmt::join(launched.jobs, ", ")));
    }
}

/** Where missing runs go. */
fs::path folder_of(const Arguments& arguments, const TableSpec& spec) {
    return fs::path(arguments.results.front()) / spec.file.stem();
}

/** Points for what the table misses, to be launched as the site and the command line say. */
std::vector<PointSet> points_of(const Table& table, const Arguments& arguments,
                                const TableSpec& spec) {
    const LaunchSettings settings = launch_settings(arguments.settings);
    auto sets = missing_points(table, folder_of(arguments, spec),
                               {known_names(), {data_folder() / "configs"}});
    for (PointSet& set : sets) {
        set.local = settings.local;
        set.slurm = settings.slurm;
        set.restart_elsewhere = settings.restart_elsewhere;
    }
    return sets;
}

/** What launchers have made of the points, earlier calls included. */
void tell_states(Table& table, const std::vector<PointSet>& sets) {
    auto set = sets.begin();
    for (const auto& [config, runs] : launchable_runs(table)) {
        const auto statuses = status_of(*set, slurm_tasks(*set, QueueUnknown::warn));
        for (std::size_t i = 0; i < runs.size(); ++i) {
            const PointStatus& status = statuses[i];
            if (status.state == PointState::waiting && status.detail.empty()) continue;
            set_state(table, runs[i],
                      status.detail.empty()
                          ? std::string(name_of(status.state))
                          : fmt::format("{}: {}", name_of(status.state), status.detail));
        }
        ++set;
    }
}

/**
 * Launches what the table misses. A set that fails keeps no other from running, only a signal does.
 * Returns the first failure.
 */
std::optional<Error> run_missing(const Arguments& arguments, const TableSpec& spec,
                                 const Table& table) {
    catch_interrupts();
    std::optional<Error> failure;
    for (const PointSet& set : points_of(table, arguments, spec)) {
        try {
            launch(set, {.launcher = arguments.launcher});
        } catch (const Error& error) {
            if (!failure) {
                failure.emplace(
                    error.exit_code(),
                    fmt::format("{}: {}", short_path(set.folder).string(), error.what()));
            }
            if (error.exit_code() == ExitCode::interrupted) break;
        }
    }
    return failure;
}

void run(const Arguments& arguments, Program& program) {
    const FillOptions options{with_peers(known_names()), arguments.results.front()};
    const TableSpec spec = read_table_spec(find_shipped(arguments.spec), options.known);
    if (!arguments.run_missing) check_folders(arguments.results);
    Table table = fill_table(spec, read_results(arguments), options);
    std::optional<Error> failure;
    if (arguments.run_missing && !table.missing().empty()) {
        failure = run_missing(arguments, spec, table);
        table = fill_table(spec, read_results(arguments), options);
    }
    if (fs::is_directory(folder_of(arguments, spec))) {
        tell_states(table, points_of(table, arguments, spec));
    }
    const std::string format = program.json() ? "json" : arguments.format;
    program.print(std::ranges::find(table_formats(), format, &TableFormat::name)->render(table));
    if (failure) throw Error(*failure);
}

}  // namespace

int main(int argc, char** argv) {
    Program program("make_tables", "Builds a table from result files and published numbers.",
                    "Examples:\n"
                    "  make_tables experiments/table_demo.yaml --run-missing\n"
                    "  make_tables experiments/table_vit.yaml --format latex -o table_vit.tex");
    CLI::App& app = program.arguments();
    Arguments arguments;
    std::vector<std::string> formats;
    for (const TableFormat& format : table_formats()) formats.push_back(format.name);
    app.add_option("SPEC", arguments.spec, "table (.yaml), described in experiments/README.md")
        ->required();
    app.add_option("--format", arguments.format, "md, latex, csv, html or json")
        ->check(CLI::IsMember(formats))
        ->capture_default_str();
    program.offer_output_file();
    program.offer_json();
    app.add_option("--results", arguments.results,
                   "folders that are searched for result files; missing runs go to the first")
        ->capture_default_str();
    app.add_flag("--skip-unreadable", arguments.skip_unreadable,
                 "warn of result files that can't be read instead of stopping");
    app.add_flag("--run-missing", arguments.run_missing, "run what the table misses first");
    app.add_option("--launcher", arguments.launcher, "where missing runs go: local or slurm")
        ->transform(CLI::CheckedTransformer(launchers()).description("{local,slurm}"))
        ->default_str("local");
    app.add_option("key=value", arguments.settings,
                   "how missing runs are launched: slurm.partition=short, local.jobs=4");
    program.offer_keys([] { return launch_setting_keys(); });
    program.offer_shipped_files("experiments");
    return program.run(argc, argv, [&] { run(arguments, program); });
}
