#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <string>

#include "apps/program.hpp"
#include "core/json_text.hpp"
#include "core/version.hpp"
#include "experiment/restore_network.hpp"
#include "experiment/setup.hpp"
#include "results/run_file.hpp"
#include "storage/safetensors.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;

namespace {

struct Arguments {
    std::string run;
    std::string format = "safetensors";
    std::string output;
    NetworkFiles files;
};

void export_model(const Arguments& arguments, Program& program) {
    const RunRecord run = read_run_file(arguments.run, ReadScope::everything);
    const LoadedModel model = restore_network(run, arguments.run, arguments.files);
    TensorMap tensors;
    for (const auto& [name, tensor] : model.network->state_dict()) {
        tensors[name] = to_host(tensor.detach());
    }
    if (!run.activations.empty()) {
        spdlog::warn(
            "{} also rounded the inputs of {} layers to {} bits; {} holds weights only, so it "
            "gives other predictions",
            arguments.run, run.activations.size(), run.activations.front().bits, arguments.output);
    }
    // Python's loaders of this format ask for the key "format".
    write_safetensors(arguments.output, tensors,
                      {{"format", "pt"},
                       {"model", model.description->name},
                       {"identity", run.identity},
                       {"made_by", fmt::format("comq {}", version())}});
    if (program.json()) {
        const nlohmann::ordered_json json{{"file", arguments.output},
                                          {"format", arguments.format},
                                          {"model", model.description->name},
                                          {"tensors", tensors.size()},
                                          {"dequantized_layers", run.layers.size()}};
        program.print(json_text(json));
        return;
    }
    program.print(fmt::format("{}: {} tensors of {}, {} of them dequantized layers\n",
                              arguments.output, tensors.size(), model.description->name,
                              run.layers.size()));
}

}  // namespace

int main(int argc, char** argv) {
    Program program(
        "export_model",
        "Writes the quantized network of a run as a checkpoint of floats under the names of timm "
        "(transformers) or torchvision (CNNs).",
        "Example:\n  export_model results/deit_tiny_4bit.h5 -o deit_tiny_4bit.safetensors");
    CLI::App& app = program.arguments();
    Arguments arguments;
    app.add_option("RUN", arguments.run, "result file (.h5)")->required();
    app.add_option("-o,--output", arguments.output, "checkpoint to write")->required();
    app.add_option("--format", arguments.format, "of the checkpoint")
        ->check(CLI::IsMember({"safetensors"}))
        ->capture_default_str();
    app.add_option("--weights", arguments.files.weights,
                   "checkpoint (or program) the run started from, when it has moved");
    app.add_option("--program", arguments.files.program,
                   "program the run started from, when its weights are another file");
    program.offer_json();
    return program.run(argc, argv, [&] { export_model(arguments, program); });
}
