#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "core/text.hpp"
#include "experiment/setup.hpp"
#include "page/document.hpp"
#include "page/page_files.hpp"
#include "storage/output_file.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;

namespace {

struct Arguments {
    std::vector<std::string> runs;
    std::string output;
    DocumentOptions document;
    bool no_images = false;
    bool no_weights = false;
};

/** The weights that a run began with, where its checkpoint is still there and the same file. */
FloatWeights checkpoint_weights(const RunRecord& run, const std::string& file) {
    std::shared_ptr<Network> network;
    try {
        const LoadedModel model =
            load_model(load_config_text(run.config, file).config.model, torch::kCPU);
        if (model.checkpoint_sha256 == run.provenance.checkpoint_sha256) network = model.network;
    } catch (const Error& error) {
        const std::string lines = error.what();
        spdlog::warn("{}: no histograms of float weights: {}", file,
                     lines.substr(0, lines.find('\n')));
    }
    if (network == nullptr) return {};
    return [network](const std::string& name) -> std::optional<HostTensor> {
        const auto& layers = network->layers();
        const auto found = std::ranges::find_if(
            layers, [&](const auto& entry) { return entry.layer->name() == name; });
        if (found == layers.end()) return {};
        const torch::Tensor weight = found->layer->weight().detach().to(torch::kFloat).contiguous();
        return to_host(weight.view({weight.size(0), -1}));
    };
}

void make_report(Arguments arguments, Program& program) {
    const PageFolders folders = page_folders();
    const FoundRuns runs = find_runs(arguments.runs);
    arguments.document.thumbnails = !arguments.no_images;
    if (!arguments.no_weights) arguments.document.weights = checkpoint_weights;
    const auto document = document_of(runs, arguments.document);
    const std::string page = page_text(document, folders);
    write_output_text(arguments.output, page);
    if (program.json()) {
        const nlohmann::ordered_json json{{"file", arguments.output},
                                          {"bytes", page.size()},
                                          {"runs", runs.finished.size()},
                                          {"unfinished", runs.unfinished.size()},
                                          {"thumbnails", document["thumbnails"].size()}};
        return program.print(json_text(json));
    }
    const std::string waiting =
        runs.unfinished.empty() ? "" : fmt::format(", {} not finished", runs.unfinished.size());
    program.print(fmt::format("{}: {} {}{}, {}\n", arguments.output, runs.finished.size(),
                              runs.finished.size() == 1 ? "run" : "runs", waiting,
                              format_bytes(static_cast<double>(page.size()))));
}

std::string typed_command(int argc, char** argv) {
    std::string command = "make_report";
    for (int i = 1; i < argc; ++i) command += " " + shell_quoted(argv[i]);
    return command;
}

}  // namespace

int main(int argc, char** argv) {
    Program program(
        "make_report",
        "Writes runs as one page that a browser opens offline: accuracy against size, layers, "
        "distributions of weights, images that flipped, time, what differs, provenance.",
        "Examples:\n"
        "  make_report results/deit_tiny_4bit.h5 -o report.html\n"
        "  make_report results/order_bits -o report.html            # a folder of a sweep\n"
        "  make_report experiments/order_bits.yaml -o report.html   # with what it is still at");
    CLI::App& app = program.arguments();
    Arguments arguments;
    app.add_option("RESULT", arguments.runs,
                   "result files (.h5), folders of them, or sweeps (.yaml), running or not")
        ->required();
    app.add_option("-o,--output", arguments.output, "page to write (.html)")->required();
    app.add_option("--title", arguments.document.title, "above the page");
    app.add_option("--images", arguments.document.images,
                   "flipped images of each run that the page lists")
        ->capture_default_str();
    app.add_flag("--no-images", arguments.no_images,
                 "no thumbnails: the page then holds no photograph");
    app.add_flag("--no-weights", arguments.no_weights,
                 "no histograms of float weights: checkpoints are not read");
    app.add_option("--class-names", arguments.document.class_names,
                   "text file with a class a line (a WordNet id may stand before its name), for "
                   "data sets that have none or only ids");
    program.offer_json();
    arguments.document.command = typed_command(argc, argv);
    return program.run(argc, argv, [&] { make_report(arguments, program); });
}
