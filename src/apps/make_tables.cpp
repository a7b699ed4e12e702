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
#include "sweep/finish_sweep.hpp"
#include "sweep/last_job.hpp"
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
    std::string output;  ///< as a last job is to write it; empty: nobody asked for a file
    std::optional<int> finish;
};

/** What a last job runs, with the same arguments; see run_sweep --finish. */
std::vector<std::string> last_command(const Arguments& arguments, int attempt) {
    std::vector<std::string> command{program_beside("make_tables").string(), arguments.spec};
    command.insert(command.end(), arguments.settings.begin(), arguments.settings.end());
    command.insert(command.end(), {"--format", arguments.format, "--results"});
    command.insert(command.end(), arguments.results.begin(), arguments.results.end());
    if (arguments.skip_unreadable) command.emplace_back("--skip-unreadable");
    if (!arguments.output.empty()) command.insert(command.end(), {"--output", arguments.output});
    command.insert(command.end(), {"--finish", std::to_string(attempt)});
    return command;
}

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

/** Runs the points of a set that are not finished, or submits them; returns the jobs. */
std::vector<std::string> launch(const PointSet& set, const LaunchOptions& options) {
    const LaunchPlan plan = plan_launch(set, options, true);
    if (plan.chosen.empty()) {
        inform(fmt::format("{}: nothing to run\n", set.folder.string()));
        return {};
    }
    const auto launched = launch_points(set, plan, options, interrupt_requested());
    if (!launched.jobs.empty()) {
        inform(
            fmt::format("{}: {} points submitted as job {}; the same command fills in what has "
                        "ended\n",
                        set.folder.string(), launched.points, fmt::join(launched.jobs, ", ")));
    }
    return launched.jobs;
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
                               {known_names(),
                                {data_folder() / "configs"},
                                arguments.run_missing && arguments.launcher == Launcher::local
                                    ? UnsetVariable::wrong
                                    : UnsetVariable::known_elsewhere});
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

/** Has a last job make the table when `jobs` have ended. */
void follow(const std::vector<std::string>& jobs, int attempt, const Arguments& arguments,
            const TableSpec& spec) {
    PointSet whole;
    whole.name = spec.file.stem().string();
    whole.folder = fs::absolute(folder_of(arguments, spec)).lexically_normal();
    whole.slurm = launch_settings(arguments.settings).slurm;
    if (jobs.empty() || (arguments.output.empty() && !wants_last_job(whole.slurm))) return;
    const auto job = submit_last_job(whole, jobs, last_command(arguments, attempt));
    inform(fmt::format("job {} makes the table when they have ended\n", job));
}

/**
 * Launches what the table misses, or in a last job what was killed. A set that fails keeps no other
 * from running, only a signal does. Returns the first failure.
 */
std::optional<Error> run_missing(const Arguments& arguments, const TableSpec& spec,
                                 const Table& table) {
    catch_interrupts();
    std::optional<Error> failure;
    std::vector<std::string> all;
    for (const PointSet& set : points_of(table, arguments, spec)) {
        try {
            const auto jobs = arguments.finish
                                  ? retry_killed(set, *arguments.finish, experiment_program(),
                                                 interrupt_requested())
                                        .retried.jobs
                                  : launch(set, {.launcher = arguments.launcher});
            all.insert(all.end(), jobs.begin(), jobs.end());
        } catch (const Error& error) {
            if (!failure) {
                failure.emplace(
                    error.exit_code(),
                    fmt::format("{}: {}", short_path(set.folder).string(), error.what()));
            }
            if (error.exit_code() == ExitCode::interrupted) break;
        }
    }
    follow(all, arguments.finish ? *arguments.finish + 1 : 0, arguments, spec);
    return failure;
}

void run(const Arguments& arguments, Program& program) {
    const FillOptions options{with_peers(known_names()), arguments.results.front()};
    const TableSpec spec = read_table_spec(find_shipped(arguments.spec), options.known);
    const bool launches = arguments.run_missing || arguments.finish;
    if (!launches) check_folders(arguments.results);
    Table table = fill_table(spec, read_results(arguments), options);
    std::optional<Error> failure;
    if (launches && !table.missing().empty()) {
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
    app.add_option("--finish", arguments.finish,
                   "what a last job under Slurm runs: submits again what was killed, unless that "
                   "was done slurm.retries times, and makes the table")
        ->type_name("RETRIES")
        ->check(CLI::NonNegativeNumber);
    app.add_option("key=value", arguments.settings,
                   "how missing runs are launched: slurm.partition=short, local.jobs=4");
    program.offer_keys([] { return launch_setting_keys(); });
    program.offer_shipped_files("experiments");
    return program.run(argc, argv, [&] {
        const auto* output = app.get_option("--output");
        if (output->count() > 0) arguments.output = output->as<std::string>();
        run(arguments, program);
    });
}
