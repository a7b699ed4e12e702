// hash_logits FOLDER [MODEL...]: the logits of networks with hash weights on the hash input, and
// the names and shapes of their parameters, for compare_with_python.py.
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hash_weights.hpp"
#include "networks/registry.hpp"
#include "storage/safetensors.hpp"
#include "torch_bridge/bridge.hpp"

int main(int argc, char** argv) {
    using namespace comq;
    if (argc < 2) {
        fmt::print(stderr, "usage: hash_logits FOLDER [MODEL...]\n");
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    std::vector<std::string> names(argv + 2, argv + argc);
    if (names.empty()) {
        for (const ModelDescription& model : model_registry()) names.push_back(model.name);
    }
    std::filesystem::create_directories(folder);
    const torch::InferenceMode inference;
    for (const std::string& name : names) {
        const ModelDescription& model = find_model(name);
        const auto network = model.make();
        test::set_hash_weights(*network);
        const int size = model.preprocessing.crop;
        const torch::Tensor logits = network->forward(test::hash_input(size));
        write_safetensors(folder / (name + ".safetensors"), {{"logits", to_host(logits)}},
                          {{"image_size", fmt::format("{}", size)}});

        nlohmann::ordered_json shapes;
        for (const auto& [key, tensor] : network->state_dict()) shapes[key] = tensor.sizes().vec();
        std::ofstream(folder / (name + ".state_dict.json")) << shapes.dump(1);
        fmt::print("{}\n", name);
    }
}
