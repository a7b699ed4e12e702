// Reference logits and names of timm 0.6.12, torchvision 0.14.1 and akamaster's CIFAR ResNets with
// hash weights, whatever files there are.
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "golden_folder.hpp"
#include "hash_weights.hpp"
#include "networks/registry.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** "timm.deit_tiny_patch16_224" to the registry's name. */
std::string registry_name(const std::string& golden_name) {
    const auto dot = golden_name.find('.');
    const std::string name = golden_name.substr(dot + 1);
    return golden_name.substr(0, dot) == "cifar" ? "cifar10_" + name : name;
}

std::map<std::string, std::shared_ptr<Network>> networks_with_golden_logits() {
    std::map<std::string, std::shared_ptr<Network>> networks;
    for (const auto& entry : fs::directory_iterator(test::golden_folder("models"))) {
        if (entry.path().extension() != ".safetensors") continue;
        const std::string name = entry.path().stem().string();
        networks[name] = find_model(registry_name(name)).make();
    }
    return networks;
}

}  // namespace

TEST_CASE("parameters and buffers have the golden names, shapes and order") {
    const auto networks = networks_with_golden_logits();
    REQUIRE(networks.size() >= 10);
    for (const auto& [name, network] : networks) {
        INFO(name);
        std::ifstream file(test::golden_folder("models") / (name + ".state_dict.json"));
        const auto golden = nlohmann::ordered_json::parse(file);
        std::vector<std::pair<std::string, std::vector<int64_t>>> expected, found;
        for (const auto& [key, shape] : golden.items()) {
            expected.emplace_back(key, shape.get<std::vector<int64_t>>());
        }
        for (const auto& [key, tensor] : network->state_dict()) {
            found.emplace_back(key, tensor.sizes().vec());
        }
        CHECK(found == expected);
    }
}

TEST_CASE("logits with hash weights are the golden ones") {
    const torch::InferenceMode inference;
    for (const auto& [name, network] : networks_with_golden_logits()) {
        INFO(name);
        test::set_hash_weights(*network);
        const auto file = read_safetensors(test::golden_folder("models") / (name + ".safetensors"));
        const int size = find_model(registry_name(name)).preprocessing.crop;
        const torch::Tensor logits = network->forward(test::hash_input(size));
        const torch::Tensor expected = to_torch(file.tensors.at("logits"));
        REQUIRE(logits.sizes() == expected.sizes());
        // Both sum in fp32, in different orders.
        CHECK(test::relative_difference(logits, expected) < 1e-4);
    }
}
