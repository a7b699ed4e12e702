#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/program.hpp"
#include "config/explain.hpp"
#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/interrupt.hpp"
#include "core/json_text.hpp"
#include "experiment/known_names.hpp"
#include "experiment_config/config_paths.hpp"
#include "storage/atomic_file.hpp"
#include "storage/output_file.hpp"
#include "sweep/finish_sweep.hpp"
#include "sweep/last_job.hpp"
#include "sweep/launch_points.hpp"
#include "sweep/shared_work.hpp"
#include "sweep/slurm_queue.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/slurm_settings.hpp"
#include "sweep/sweep_spec.hpp"
#include "sweep/sweep_table.hpp"
#include "sweep/sweep_text.hpp"
#include "sweep/task_estimate.hpp"

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
    Launcher launcher = Launcher::local;
    bool dry_run = false;
    bool only_failed = false;
    bool fail_fast = false;
    bool collect = false;
    std::string output;
    bool explain = false;
    std::optional<int> finish;
};

/** What a last job runs; `attempt` counts how often killed points were submitted again. */
std::vector<std::string> last_command(const Arguments& arguments, int attempt) {
    std::vector<std::string> command{program_beside("run_sweep").string(), arguments.sweep};
    command.insert(command.end(), arguments.overrides.begin(), arguments.overrides.end());
    command.insert(command.end(), {"--finish", std::to_string(attempt)});
    return command;
}

/** The CSV of the table: `output` with or without its ending, NAME.csv in the folder without. */
std::filesystem::path table_file(const PointSet& sweep, std::filesystem::path output) {
    if (output.empty()) return sweep.folder / (sweep.name + ".csv");
    if (output.extension() == ".csv" || output.extension() == ".hdf5") output.replace_extension();
    output += ".csv";
    return output;
}

/** Writes it as CSV and as HDF5, whose name is the second. */
std::pair<std::filesystem::path, std::filesystem::path> write_table(const PointSet& sweep,
                                                                    const SweepTable& table,
                                                                    const std::string& output) {
    const auto file = table_file(sweep, output);
    // Not .h5, which is what results end in.
    auto hdf5 = file;
    hdf5.replace_extension(".hdf5");
    keep_foreign_file(hdf5, is_sweep_table);
    keep_foreign_file(file, [](const std::filesystem::path& there) {
        constexpr std::string_view first_column = "point,";
        return text_if_readable(there, 0, first_column.size()) == first_column;
    });
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    write_text_atomically(file, sweep_table_csv(table));
    write_sweep_table(hdf5, table);
    return {file, hdf5};
}

void collect(const PointSet& sweep, const std::string& output, Program& program) {
    const SweepTable table = collect_points(sweep);
    const auto [file, hdf5] = write_table(sweep, table, output);
    if (program.json()) {
        auto json = sweep_table_json(table);
        json["files"] = {file.string(), hdf5.string()};
        program.print(json_text(json));
    } else {
        program.print(fmt::format("{} of {} points: {}, {}\n", table.rows, table.sweep_runs,
                                  file.string(), hdf5.string()));
    }
}

/** Runs a program beside this one for a last job. Throws Failure with its words. */
void run_beside(const std::string& program, const std::vector<std::string>& arguments) {
    std::string command = shell_quoted(program_beside(program).string());
    for (const auto& argument : arguments) command += " " + shell_quoted(argument);
    const auto result = run_shell(command + " 2>&1");
    if (result.exit_code != 0) throw Failure("{}: {}", program, result.output);
}

/** Makes what `slurm.last` asks for; returns the files. */
std::vector<std::string> make_last_files(const PointSet& sweep) {
    const LastJob& last = sweep.slurm.last;
    const std::string folder = sweep.folder.string();
    std::vector<std::string> files;
    if (last.collect) {
        const auto [csv, hdf5] = write_table(sweep, collect_points(sweep), "");
        files.insert(files.end(), {csv.string(), hdf5.string()});
    }
    if (!last.table.empty()) {
        files.push_back((sweep.folder / last.table.stem()).string() + ".md");
        run_beside("make_tables", {last.table.string(), "--results", folder, "-o", files.back()});
    }
    if (last.report) {
        files.push_back((sweep.folder / "report.html").string());
        run_beside("make_report", {folder, "-o", files.back()});
    }
    return files;
}

/** What a last job does. */
void finish(const Arguments& arguments, const PointSet& sweep, Program& program) {
    catch_interrupts();
    const int attempt = *arguments.finish;
    const auto finished = retry_killed(sweep, attempt, experiment_program(), interrupt_requested());
    std::vector<std::string> files;
    std::optional<Failure> failure;
    if (finished.retried.points > 0) {
        submit_last_job(sweep, finished.retried.jobs, last_command(arguments, attempt + 1));
    } else {
        try {
            files = make_last_files(sweep);
        } catch (const Failure& error) {
            failure = error;
        }
    }
    const auto summary = write_summary(sweep, finished, attempt, files);
    program.print(program.json() ? json_text(summary) : summary_text(sweep, summary));
    if (failure) throw Failure(*failure);
    const auto failed =
        std::ranges::count(finished.statuses, PointState::failed, &PointStatus::state);
    if (failed > 0 && finished.retried.points == 0) {
        throw Failure("{} of {} points failed", failed, finished.statuses.size());
    }
}

/** Launches the points of one sweep that are not finished, and tells the user. */
class Launch {
  public:
    Launch(const Arguments& arguments, const PointSet& sweep, Program& program)
        : arguments_(arguments),
          sweep_(sweep),
          program_(program),
          options_{.launcher = arguments.launcher,
                   .only_failed = arguments.only_failed,
                   .fail_fast = arguments.fail_fast},
          plan_(plan_launch(sweep, options_, !arguments.dry_run)) {}

    void run() {
        if (arguments_.dry_run) {
            print_plan();
        } else if (plan_.chosen.empty()) {
            tell(plan_.statuses, fmt::format("nothing to run; {}\n", count_line(plan_.statuses)));
        } else if (by_slurm()) {
            submit();
        } else {
            run_here();
        }
    }

  private:
    using Statuses = std::vector<PointStatus>;

    bool by_slurm() const { return options_.launcher == Launcher::slurm; }

    /** `text`, or JSON: how the points are, which ones this call was to run, and `more`. */
    void tell(const Statuses& statuses, const std::string& text,
              const nlohmann::ordered_json& more = nlohmann::ordered_json::object()) {
        if (!program_.json()) return program_.print(text);
        auto json = sweep_json(sweep_, statuses);
        json["launcher"] = by_slurm() ? "slurm" : "local";
        json["chosen"] = nlohmann::ordered_json::array();
        for (const auto i : plan_.chosen) json["chosen"].push_back(sweep_.points[i].id);
        json.update(more);
        program_.print(json_text(json));
    }

    void print_plan() {
        const auto& chosen = plan_.chosen;
        std::string text =
            fmt::format("{}{} to be run\n", status_table(sweep_, plan_.statuses), chosen.size());
        auto more = nlohmann::ordered_json::object();
        if (!chosen.empty() && !by_slurm()) {
            const auto command =
                point_command(sweep_, sweep_.points[chosen.front()], options_.program);
            text += fmt::format("{} at a time, the first one by\n  {}\n", sweep_.local.jobs,
                                fmt::join(command, " "));
            more["command"] = command;
        } else if (!chosen.empty()) {
            check_slurm(sweep_);
            const int cpus = slurm_cpus(sweep_.slurm);
            PointSet sized = sweep_;
            try {
                const auto estimate =
                    estimate_points(sweep_, chosen, plan_.statuses, options_.program, cpus);
                sized.slurm = with_estimate(sweep_.slurm, estimate);
                text += task_summary(sized, chosen.size(), cpus, estimate);
            } catch (const Failure& error) {
                // Data that are only on nodes are no reason to show no scripts.
                if (asks_for_estimate(sweep_.slurm)) throw;
                text += std::string(error.what()) + "\n";
            }
            const auto add = [&](const std::string& script) {
                text += "\n" + script;
                more["scripts"].push_back(script);
            };
            const auto sharing = sharing_points(sized, chosen);
            if (!sharing.empty()) {
                add(slurm_script(sized, sharing, options_.program, cpus, SlurmWork::shared));
            }
            for (const auto& points : slurm_arrays(sized, chosen)) {
                add(slurm_script(sized, points, options_.program, cpus));
            }
            if (wants_last_job(sized.slurm)) add(last_script(sized, last_command(arguments_, 0)));
        }
        tell(plan_.statuses, text, more);
    }

    void submit() {
        catch_interrupts();
        const auto launched = launch_points(sweep_, plan_, options_, interrupt_requested());
        std::string last_job;
        if (launched.points > 0 && wants_last_job(sweep_.slurm)) {
            last_job = submit_last_job(sweep_, launched.jobs, last_command(arguments_, 0));
        }
        const std::string text =
            launched.points == 0
                ? "nothing to submit; another run_sweep has submitted the points\n"
                : fmt::format(
                      "{} points submitted as job {}{}{}; sweep_status {} shows how they "
                      "are\n",
                      launched.points, fmt::join(launched.jobs, ", "),
                      launched.shared_job.empty()
                          ? ""
                          : fmt::format(", after job {}, which computes what they share",
                                        launched.shared_job),
                      last_job.empty() ? "" : fmt::format(", job {} follows", last_job),
                      arguments_.sweep);
        // A queue that can't be asked any more is no reason to have the jobs forgotten.
        tell(
            program_.json() ? status_of(sweep_, slurm_tasks(sweep_, QueueUnknown::warn))
                            : Statuses{},
            text,
            {{"jobs", launched.jobs}, {"shared_job", launched.shared_job}, {"last_job", last_job}});
    }

    void run_here() {
        catch_interrupts();
        try {
            launch_points(sweep_, plan_, options_, interrupt_requested());
        } catch (const Error&) {
            if (program_.json()) tell(status_of(sweep_), "");
            throw;
        }
        const auto ended = status_of(sweep_);
        tell(ended, status_table(sweep_, ended));
    }

    const Arguments& arguments_;
    const PointSet& sweep_;
    Program& program_;
    LaunchOptions options_;
    LaunchPlan plan_;
};

void run(const Arguments& arguments, Program& program) {
    if (arguments.explain) {
        fmt::print("{}", explain_keys(sweep_keys(), "all"));
        return;
    }
    if (arguments.sweep.empty()) {
        throw UsageError("no sweep is named; try: run_sweep experiments/order_bits.yaml --dry-run");
    }
    const bool runs_here =
        arguments.launcher == Launcher::local && !arguments.collect && !arguments.finish;
    const PointSet sweep =
        open_sweep(arguments.sweep, arguments.overrides, known_names(),
                   runs_here ? UnsetVariable::wrong : UnsetVariable::known_elsewhere);
    if (arguments.finish) {
        finish(arguments, sweep, program);
    } else if (arguments.collect) {
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
        ->transform(CLI::CheckedTransformer(launchers()).description("{local,slurm}"))
        ->default_str("local");
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
    app.add_option("--finish", arguments.finish,
                   "what the last job runs when all tasks have ended: submits again what was "
                   "killed, unless that was done slurm.retries times, else makes what slurm.last "
                   "asks for; writes summary.json")
        ->type_name("RETRIES")
        ->check(CLI::NonNegativeNumber);
    app.add_flag("--explain", arguments.explain, "print the keys of a sweep file");
    program.offer_keys([] { return sweep_arguments(known_names()); });
    program.offer_shipped_files("experiments");
    program.offer_json();
    return program.run(argc, argv, [&] { run(arguments, program); });
}
