#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "config/config_text.hpp"
#include "config/shipped_file.hpp"
#include "core/communicator.hpp"
#include "core/interrupt.hpp"
#include "core/paths.hpp"
#include "core/progress.hpp"
#include "experiment/known_names.hpp"
#include "experiment/run_experiment.hpp"
#include "models/registry.hpp"
#include "ranks/start_ranks.hpp"
#include "report/closing_summary.hpp"

using namespace comq;

namespace {

constexpr const char* examples =
    "Examples:\n"
    "  run_experiment configs/demo_vit_4bit.yaml\n"
    "  run_experiment configs/deit_tiny_4bit.yaml quantization.bits=3 --output results/b3.h5\n"
    "  run_experiment configs/vit_b_4bit.yaml data.root=/data/imagenet --dry-run\n"
    "  run_experiment --explain calibration\n"
    "Exit codes: 0 done; 2 bad usage or config; 3 bad input data; 4 the full-precision accuracy "
    "is\n"
    "not the expected one; 75 interrupted, --resume continues; 1 anything else.";

struct Arguments {
    std::string config;
    std::vector<std::string> overrides;
    std::string output;
    int threads = 0;
    std::string explain;
    bool dry_run = false;
    bool print_config = false;
    bool quiet = false;
    bool resume = false;
    bool restart = false;
    bool list_models = false;
};

LoadedConfig load(const Arguments& arguments) {
    auto overrides = arguments.overrides;
    if (!arguments.output.empty()) overrides.push_back("output.file=" + arguments.output);
    if (arguments.threads > 0) {
        overrides.push_back(fmt::format("resources.threads={}", arguments.threads));
    }
    return load_config(find_shipped(arguments.config), overrides,
                       {known_names(), {data_folder() / "configs"}});
}

void set_up_logging(bool quiet) {
    spdlog::set_level(quiet ? spdlog::level::warn : spdlog::level::info);
    Progress::set_quiet(quiet);
}

void run(const Arguments& arguments, int argc, const char* const* argv) {
    if (!arguments.explain.empty()) {
        fmt::print("{}", explain_config(arguments.explain, known_names()));
        return;
    }
    if (arguments.list_models) {
        fmt::print("{}", list_models());
        return;
    }
    if (arguments.config.empty()) {
        throw UsageError("no config is named; try: run_experiment configs/demo_vit_4bit.yaml");
    }
    if (arguments.resume && arguments.restart) {
        throw UsageError("--resume continues a run and --restart drops it: name one of them");
    }
    set_up_logging(arguments.quiet);
    const LoadedConfig loaded = load(arguments);
    if (arguments.print_config) {
        fmt::print("{}", annotated_text(loaded));
        return;
    }
    if (arguments.dry_run) {
        fmt::print("{}\n{}", resolved_text(loaded.config), describe_plan(loaded));
        return;
    }
    catch_interrupts();
    const bool speaks = communicator().root();
    if (!speaks) {
        spdlog::set_level(spdlog::level::warn);
        Progress::set_quiet(true);
    }
    RunOptions options;
    options.arguments = {argv, static_cast<std::size_t>(argc)};
    if (arguments.resume) options.leftover = Leftover::resume;
    if (arguments.restart) options.leftover = Leftover::restart;
    const RunRecord record = run_experiment(loaded, options);
    if (!speaks) return;
    const std::string file = loaded.config.output.file.string();
    if (!arguments.quiet) fmt::print("{}", closing_summary(record, file));
    fmt::print("{}\n", closing_line(record, file));
}

}  // namespace

int main(int argc, char** argv) {
    Program program(
        "run_experiment",
        "Quantizes a pretrained network as a config says, measures it, and writes HDF5.", examples);
    CLI::App& app = program.arguments();
    Arguments arguments;
    app.add_option("CONFIG", arguments.config, "experiment file (.yaml)");
    app.add_option("key=value", arguments.overrides,
                   "config keys to change, like quantization.bits=3 (values in YAML)");
    app.add_flag("--dry-run", arguments.dry_run,
                 "print the resolved config and the plan by layer with memory, disk and time");
    app.add_flag("--print-config", arguments.print_config,
                 "print the resolved config with the origin of each key");
    app.add_option("-o,--output", arguments.output, "result file, short for output.file=FILE");
    app.add_option("--threads", arguments.threads, "short for resources.threads=N")
        ->check(CLI::PositiveNumber);
    app.add_flag("--resume", arguments.resume, "continue an interrupted run");
    app.add_flag("--restart", arguments.restart,
                 "drop an interrupted run, or replace the result of another one");
    app.add_flag("--quiet", arguments.quiet, "print warnings and the last line only");
    app.add_option("--explain", arguments.explain,
                   "print the meaning, type, default and unit of a key, a section, or all keys")
        ->expected(0, 1)
        ->default_str("all");
    app.add_flag("--list-models", arguments.list_models, "print the networks comq knows");
    program.offer_keys([] { return experiment_schema(known_names()).keys(); });
    program.offer_shipped_files("configs");
    const int code = program.run(argc, argv, [&] {
        start_ranks();
        run(arguments, argc, argv);
    });
    if (code != 0) abort_ranks(static_cast<ExitCode>(code));
    finish_ranks();
    return code;
}
