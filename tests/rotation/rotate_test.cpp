#include "rotation/rotate.hpp"

#include <map>

#include "core/errors.hpp"
#include "networks/hash_weights.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::shared_ptr<Network> hash_network(const std::string& name) {
    auto network = find_model(name).make();
    test::set_hash_weights(*network);
    return network;
}

std::map<std::string, torch::Tensor> tensors_of(const Network& network) {
    std::map<std::string, torch::Tensor> tensors;
    for (const auto& [name, tensor] : network.state_dict()) tensors[name] = tensor.clone();
    return tensors;
}

}  // namespace

TEST_CASE("a rotated ViT computes the same function with other weights") {
    const std::string name = GENERATE("demo_vit", "deit_tiny_distilled_patch16_224");
    const torch::NoGradGuard no_gradient;
    const auto network = hash_network(name);
    const int64_t size = find_model(name).preprocessing.crop;
    const auto images =
        torch::arange(2 * 3 * size * size, torch::kFloat).sin().view({2, 3, size, size});
    const auto logits = network->forward(images);
    const auto before = tensors_of(*network);
    RotationConfig config;
    SECTION("residual stream") { config.residual = true; }
    SECTION("values") { config.values = true; }
    SECTION("queries and keys") { config.query_key = true; }
    SECTION("all") { config = {.residual = true, .values = true, .query_key = true}; }
    rotate(*network, config, 7, size);
    // fp32 weights rounded once more, through all blocks.
    const auto change = (network->forward(images) - logits).norm() / logits.norm();
    CHECK(change.item<double>() < 1e-4);
    const auto after = tensors_of(*network);
    const auto differs = [&](const std::string& tensor) {
        return !torch::equal(before.at(tensor), after.at(tensor));
    };
    CHECK(differs("blocks.0.attn.qkv.weight"));
    CHECK(differs("pos_embed") == config.residual);
    CHECK(differs("blocks.1.mlp.fc2.weight") == config.residual);
    CHECK(differs("blocks.0.attn.proj.weight") == (config.residual || config.values));
    if (config.residual) CHECK(after.at("norm.weight").eq(1).all().item<bool>());

    const auto again = hash_network(name);
    rotate(*again, config, 7, size);
    const auto other = hash_network(name);
    rotate(*other, config, 8, size);
    CHECK(torch::equal(tensors_of(*again).at("blocks.0.attn.qkv.weight"),
                       after.at("blocks.0.attn.qkv.weight")));
    CHECK_FALSE(torch::equal(tensors_of(*other).at("blocks.0.attn.qkv.weight"),
                             after.at("blocks.0.attn.qkv.weight")));
}

TEST_CASE("a Swin transformer is rotated stage by stage") {
    const torch::NoGradGuard no_gradient;
    const auto make = [] {
        ModelDescription description = find_model("swin_tiny_patch4_window7_224");
        description.classes = 10;
        description.preprocessing.crop = 64;
        description.window = 2;
        auto network = description.make();
        test::set_hash_weights(*network);
        return network;
    };
    const auto network = make();
    const auto images = torch::arange(2 * 3 * 64 * 64, torch::kFloat).sin().view({2, 3, 64, 64});
    const auto logits = network->forward(images);
    const auto before = tensors_of(*network);
    RotationConfig config;
    SECTION("residual streams") { config.residual = true; }
    SECTION("values") { config.values = true; }
    SECTION("all") { config = {.residual = true, .values = true, .query_key = true}; }
    rotate(*network, config, 7, 64);
    const auto change = (network->forward(images) - logits).norm() / logits.norm();
    CHECK(change.item<double>() < 1e-4);
    const auto after = tensors_of(*network);
    const auto differs = [&](const std::string& tensor) {
        return !torch::equal(before.at(tensor), after.at(tensor));
    };
    CHECK_FALSE(differs("patch_embed.norm.weight"));
    CHECK_FALSE(differs("layers.0.blocks.0.mlp.fc2.weight"));
    CHECK(differs("layers.1.blocks.0.mlp.fc2.weight") == config.residual);
    CHECK(differs("layers.0.downsample.reduction.weight") == config.residual);
    CHECK(differs("layers.3.blocks.1.attn.qkv.weight"));
    CHECK(differs("layers.0.blocks.1.attn.proj.weight") == config.values);
}

TEST_CASE("networks that are no plain transformer are refused with what they lack") {
    const auto cnn = hash_network("demo_cnn");
    CHECK_THROWS_WITH(
        rotate(*cnn, {.residual = true}, 0, 32),
        ContainsSubstring("rotation.residual") && ContainsSubstring("'patch_embed.proj'"));
    CHECK_THROWS_WITH(rotate(*cnn, {.values = true}, 0, 32), ContainsSubstring("rotation.values"));
}
