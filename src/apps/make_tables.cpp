#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "config/shipped_file.hpp"
#include "core/errors.hpp"
#include "core/shell.hpp"
#include "core/standard_streams.hpp"
#include "experiment/known_names.hpp"
#include "results/run_file.hpp"
#include "table/missing_runs.hpp"
#include "table/peer_methods.hpp"
#include "table/render.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr const char* default_folder = "results";

struct Arguments {
    std::string spec;
    TableFormat format = TableFormat::markdown;
    std::vector<std::string> results{default_folder};
    bool skip_unreadable = false;
    bool run_missing = false;
    std::string launcher = "local";
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

/** The code a program ended with; what is none of comq's (a crash, a shell's 127) is a failure. */
ExitCode exit_code_of(int status) {
    if (!WIFEXITED(status)) return ExitCode::failure;
    const auto code = static_cast<ExitCode>(WEXITSTATUS(status));
    switch (code) {
        case ExitCode::done:
        case ExitCode::failure:
        case ExitCode::usage:
        case ExitCode::bad_input:
        case ExitCode::gate_failed:
        case ExitCode::interrupted:
            return code;
    }
    return ExitCode::failure;
}

/**
 * Hands the runs to run_sweep, which is built and installed beside this program. A sweep that fails
 * keeps no other from running, only a signal does. Returns the first failure.
 */
std::optional<Error> run_missing(const Arguments& arguments, const TableSpec& spec,
                                 const Table& table) {
    const auto program = fs::read_symlink("/proc/self/exe").parent_path() / "run_sweep";
    const auto folder = fs::path(arguments.results.front()) / spec.file.stem();
    std::optional<Error> failure;
    for (const auto& sweep : write_sweeps(table.missing(), folder)) {
        // The terminal's output is for the table.
        const std::string command =
            fmt::format("{} {} --launcher {} 1>&2", shell_quoted(program.string()),
                        shell_quoted(sweep.string()), arguments.launcher);
        inform(command + "\n");
        const ExitCode code = exit_code_of(std::system(command.c_str()));
        if (code == ExitCode::done) continue;
        if (!failure) {
            failure.emplace(code,
                            fmt::format("run_sweep {} ended with exit code {}; the same command "
                                        "goes on with what is left",
                                        sweep.string(), static_cast<int>(code)));
        }
        if (code == ExitCode::interrupted) break;
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
    program.print(render(table, program.json() ? TableFormat::json : arguments.format));
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
    const std::map<std::string, TableFormat> formats{{"md", TableFormat::markdown},
                                                     {"latex", TableFormat::latex},
                                                     {"csv", TableFormat::csv},
                                                     {"html", TableFormat::html},
                                                     {"json", TableFormat::json}};
    app.add_option("SPEC", arguments.spec, "table (.yaml), described in experiments/README.md")
        ->required();
    app.add_option("--format", arguments.format, "md, latex, csv, html or json")
        ->transform(CLI::CheckedTransformer(formats).description("{md,latex,csv,html,json}"))
        ->default_str("md");
    program.offer_output_file();
    program.offer_json();
    app.add_option("--results", arguments.results,
                   "folders that are searched for result files; missing runs go to the first")
        ->capture_default_str();
    app.add_flag("--skip-unreadable", arguments.skip_unreadable,
                 "warn of result files that can't be read instead of stopping");
    app.add_flag("--run-missing", arguments.run_missing, "run what the table misses first");
    app.add_option("--launcher", arguments.launcher, "where missing runs go: local or slurm")
        ->check(CLI::IsMember({"local", "slurm"}))
        ->capture_default_str();
    program.offer_shipped_files("experiments");
    return program.run(argc, argv, [&] { run(arguments, program); });
}
