#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "config/explain.hpp"
#include "core/communicator.hpp"
#include "core/interrupt.hpp"
#include "core/json_text.hpp"
#include "core/paths.hpp"
#include "core/progress.hpp"
#include "core/terminal.hpp"
#include "core/threads.hpp"
#include "experiment/known_names.hpp"
#include "experiment/list_layers.hpp"
#include "experiment/run_experiment.hpp"
#include "experiment/run_plan.hpp"
#include "experiment_config/config_text.hpp"
#include "networks/registry.hpp"
#include "ranks/start_ranks.hpp"
#include "report/run_text.hpp"

using namespace comq;

namespace {

constexpr const char* examples =
    "Examples:\n"
    "  run_experiment configs/demo_vit_4bit.yaml\n"
    "  run_experiment configs/deit_tiny_4bit.yaml quantization.bits=3 --output results/b3.h5\n"
    "  run_experiment configs/vit_b_4bit.yaml data.root=/data/imagenet --dry-run\n"
    "  run_experiment --explain calibration\n"
    "  run_experiment --explain --format md\n"
    "Exit codes: 0 done; 2 bad usage or config; 3 bad input data; 4 the full-precision accuracy "
    "is\n"
    "not the expected one; 75 interrupted, --resume continues; 1 anything else.";

struct Arguments {
    std::string config;
    std::vector<std::string> overrides;
    std::string output;
    int threads = 0;
    std::string explain;
    std::string format;
    bool dry_run = false;
    bool print_config = false;
    bool quiet = false;
    bool resume = false;
    bool restart = false;
    bool restart_elsewhere = false;
    bool shared_only = false;
    bool list_models = false;
    bool list_layers = false;
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

ExplainFormat explain_format(const Arguments& arguments, bool json) {
    if (json || arguments.format == "json") return ExplainFormat::json;
    return arguments.format == "md" ? ExplainFormat::markdown : ExplainFormat::text;
}

/** What needs no config; whether there was any. */
bool answer(const Arguments& arguments, Program& program) {
    if (!arguments.explain.empty()) {
        program.print(explain_keys(experiment_schema(known_names()).keys(), arguments.explain,
                                   explain_format(arguments, program.json())));
        return true;
    }
    if (!arguments.format.empty()) throw UsageError("--format is that of --explain");
    if (!arguments.list_models) return false;
    program.print(program.json() ? json_text(models_json()) : list_models());
    return true;
}

/** What needs the config alone; whether there was any. */
bool answer(const Arguments& arguments, const LoadedConfig& loaded, Program& program) {
    if (arguments.print_config) {
        program.print(program.json() ? json_text(annotated_json(loaded)) : annotated_text(loaded));
        return true;
    }
    if (arguments.list_layers) {
        program.print(program.json() ? json_text(layers_json(loaded.config))
                                     : list_layers(loaded.config));
        return true;
    }
    if (!arguments.dry_run) return false;
    const RunPlan plan = plan_run(loaded.config);
    if (program.json()) {
        program.print(json_text(plan_json(plan)));
    } else {
        program.print(fmt::format("{}\n{}\n{}", estimate_text(plan), resolved_text(loaded.config),
                                  layers_text(plan)));
    }
    return true;
}

/** Of several ranks, each writes to a terminal that mpirun has made for it, wherever that leads. */
bool people_read() { return output_is_terminal() && communicator().size() == 1; }

/** For people on a terminal, for programs with `--json`, for both in a log. */
void print_result(const RunRecord& record, const std::filesystem::path& file, bool quiet,
                  Program& program) {
    const std::string json = closing_json(record, file.string()) + "\n";
    if (program.json()) {
        program.print(json);
        return;
    }
    const std::string shown = short_path(file).string();
    if (!quiet) program.print(closing_summary(record, shown));
    if (!people_read()) {
        program.print(closing_mark + json);
    } else if (quiet) {
        program.print(closing_sentence(record, shown));
    }
}

void run(const Arguments& arguments, int argc, const char* const* argv, Program& program) {
    if (answer(arguments, program)) return;
    if (arguments.config.empty()) {
        throw UsageError("no config is named; try: run_experiment configs/demo_vit_4bit.yaml");
    }
    if (arguments.resume && arguments.restart) {
        throw UsageError("--resume continues a run and --restart drops it: name one of them");
    }
    spdlog::set_level(arguments.quiet ? spdlog::level::warn : spdlog::level::info);
    Progress::set_quiet(arguments.quiet);
    const LoadedConfig loaded = load(arguments);
    if (answer(arguments, loaded, program)) return;
    catch_interrupts();
    const bool speaks = communicator().root();
    if (!speaks) {
        spdlog::set_level(spdlog::level::warn);
        Progress::set_quiet(true);
    }
    RunOptions options;
    options.arguments = {argv, static_cast<std::size_t>(argc)};
    if (arguments.resume) options.leftover = Leftover::resume;
    if (arguments.restart_elsewhere) options.leftover = Leftover::resume_or_restart;
    if (arguments.restart) options.leftover = Leftover::restart;
    options.shared_only = arguments.shared_only;
    const RunRecord record = run_experiment(loaded, options);
    if (!speaks || arguments.shared_only) return;
    print_result(record, loaded.config.output.file, arguments.quiet, program);
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
                 "print the estimated memory, disk and time, the resolved config and the plan by "
                 "layer");
    app.add_flag("--print-config", arguments.print_config,
                 "print the resolved config with the origin of each key");
    app.add_option("-o,--output", arguments.output, "result file, short for output.file=FILE");
    app.add_option("--threads", arguments.threads, "short for resources.threads=N")
        ->check(CLI::Range(1, most_threads));
    auto* resumes = app.add_flag("--resume", arguments.resume, "continue an interrupted run");
    app.add_flag("--restart", arguments.restart,
                 "drop an interrupted run, or replace the result of another one");
    app.add_flag("--restart-elsewhere", arguments.restart_elsewhere,
                 "with --resume: drop an interrupted run that began by another build of comq or "
                 "LibTorch, or on another type of CPU")
        ->needs(resumes);
    app.add_flag("--shared-only", arguments.shared_only,
                 "compute only what other runs can use, in resources.cache: full-precision "
                 "predictions and statistics of layers");
    app.add_flag("--quiet", arguments.quiet, "print warnings and one line of result only");
    app.add_option(
           "--explain", arguments.explain,
           "print the meaning, type, default and unit of a key, a section, or all keys; any "
           "other word is searched in names and meanings")
        ->expected(0, 1)
        ->default_str("all");
    app.add_option("--format", arguments.format, "of --explain: text, md or json")
        ->check(CLI::IsMember({"text", "md", "json"}));
    app.add_flag("--list-models", arguments.list_models, "print the networks comq knows");
    app.add_flag("--list-layers", arguments.list_layers,
                 "print the layers of the config's network, and which are quantized");
    program.offer_keys([] { return experiment_schema(known_names()).keys(); });
    program.offer_shipped_files("configs");
    program.offer_json();
    const int code = program.run(argc, argv, [&] {
        start_ranks();
        run(arguments, argc, argv, program);
    });
    if (code != 0) abort_ranks(static_cast<ExitCode>(code));
    finish_ranks();
    return code;
}
