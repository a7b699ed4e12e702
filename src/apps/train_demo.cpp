#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string>

#include "apps/program.hpp"
#include "core/hash.hpp"
#include "core/interrupt.hpp"
#include "core/json_text.hpp"
#include "core/terminal.hpp"
#include "core/threads.hpp"
#include "data/demo_source.hpp"
#include "demo_training/initialize.hpp"
#include "demo_training/train.hpp"
#include "evaluation/evaluate.hpp"
#include "networks/registry.hpp"
#include "storage/output_file.hpp"
#include "storage/safetensors.hpp"
#include "torch_bridge/bridge.hpp"
#include "torch_bridge/runtime.hpp"

namespace {

using namespace comq;

void save(const Network& network, const TrainingRecipe& recipe, uint64_t seed,
          const std::filesystem::path& file) {
    TensorMap tensors;
    for (const auto& [name, tensor] : network.state_dict()) {
        tensors[name] = to_host(tensor.detach());
    }
    write_safetensors(file, tensors,
                      {{"model", network.model_name()},
                       {"recipe", recipe.describe()},
                       {"seed", std::to_string(seed)},
                       {"trained_with", "LibTorch " + torch_version() + ", " +
                                            torch_cpu_capability() + ", one thread an operator"}});
}

struct Arguments {
    std::string model;
    std::filesystem::path output;
    uint64_t seed = 0;
    int64_t images = 0;
    int threads = 0;
};

void run(const Arguments& arguments, Program& program) {
    set_torch_threads(arguments.threads > 0 ? arguments.threads : available_cores());
    const ModelDescription& description = find_model(arguments.model);
    const std::filesystem::path file =
        arguments.output.empty() ? std::filesystem::path(description.name + ".safetensors")
                                 : arguments.output;
    keep_foreign_file(file, [](const std::filesystem::path& there) {
        return read_safetensors(there).metadata.contains("trained_with");
    });
    TrainingRecipe recipe = recipe_of(description);
    if (arguments.images > 0) recipe.images = arguments.images;
    inform(fmt::format("{}: {}, seed {}\n", description.name, recipe.describe(), arguments.seed));

    const auto network = description.make();
    initialize_parameters(*network, arguments.seed);
    {
        Progress progress("training", "images", recipe.steps() * recipe.batch_size);
        train(*network, *make_demo_training_source(recipe.images), description.preprocessing,
              recipe, progress);
    }
    spread_gains(*network, arguments.seed);
    save(*network, recipe, arguments.seed, file);

    const auto source = make_demo_source(Split::evaluation);
    std::vector<int64_t> indices(static_cast<std::size_t>(source->size()));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    Progress progress("evaluation", "images", source->size());
    BadImages bad(0);
    const auto& stop = interrupt_requested();
    const ImagePass pass{
        {source.get(), indices, description.preprocessing, 8}, torch::kCPU, bad, stop};
    const Accuracy accuracy = accuracy_of(evaluate(*network, pass, progress));
    progress.finish();

    const std::string checkpoint = sha256_hex_of_file(file);
    const std::string evaluated = source_identity(*source, pass.images.indices);
    if (program.json()) {
        const nlohmann::ordered_json json{{"file", file.string()},
                                          {"model", description.name},
                                          {"checkpoint_sha256", checkpoint},
                                          {"evaluation_images", evaluated},
                                          {"top1", std::round(accuracy.top1 * 100) / 100}};
        program.print(json_text(json));
        return;
    }
    // In the form of datasets/full_precision.yaml.
    program.print(fmt::format(
        "- checkpoint_sha256: {}\n  evaluation_images: {}\n  top1: {:.2f}\n  source: {}\n",
        checkpoint, evaluated, accuracy.top1, "train_demo " + description.name));
}

}  // namespace

int main(int argc, char** argv) {
    Program program("train_demo",
                    "Trains a network of the embedded demo set and writes its weights.",
                    "Example:\n  train_demo demo_vit -o datasets/demo/demo_vit.safetensors");
    CLI::App& app = program.arguments();
    Arguments arguments;
    app.add_option("model", arguments.model, "demo_vit or demo_cnn")->required();
    app.add_option("-o,--output", arguments.output, "file to write (default: MODEL.safetensors)");
    app.add_option("--seed", arguments.seed, "seed of the first weights (default: 0)");
    app.add_option("--images", arguments.images, "images to train on (default: the recipe's)")
        ->check(CLI::Range(int64_t{32}, int64_t{100'000'000}));
    app.add_option("--threads", arguments.threads, "threads (default: all cores)")
        ->check(CLI::Range(1, most_threads));
    program.offer_json();
    return program.run(argc, argv, [&] { run(arguments, program); });
}
