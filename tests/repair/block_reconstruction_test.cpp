#include "core/errors.hpp"
#include "networks.hpp"
#include "repair/tuned_grid.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

const std::vector<int64_t> every_image{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                       10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

RepairConfig block_config(BlockLoss loss = BlockLoss::output_error) {
    RepairConfig config;
    config.block_reconstruction = loss;
    config.block_iterations = 60;
    config.block_learning_rate = 0.05;
    return config;
}

struct Reconstructed {
    std::shared_ptr<Network> original;
    std::shared_ptr<Network> network;
    std::vector<LayerRecord> before;
    std::vector<LayerRecord> layers;
    std::vector<RepairedParts> parts;
    torch::Tensor pixels;

    /** Of the predictions of all images, in nats. */
    double divergence(const Network& quantized) const {
        const torch::NoGradGuard no_gradient;
        return torch::kl_div(torch::log_softmax(quantized.forward(pixels), 1),
                             torch::log_softmax(original->forward(pixels), 1), at::Reduction::Sum,
                             true)
            .item<double>();
    }
};

Reconstructed reconstructed(const std::string& name, const RepairConfig& config,
                            bool real_zero_points = true) {
    Reconstructed result;
    result.original = test::hash_network(name);
    result.network = test::hash_network(name);
    result.layers = result.before = test::quantized_layers(*result.network);
    const test::MemorySource source(20, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, name, 10, bad);
    result.pixels = test::pixels_of(pass);
    result.parts = test::apply_all(block_reconstruction_repair, *result.original, *result.network,
                                   pass, config, result.layers, every_image, real_zero_points);
    return result;
}

/** The network before its repair. */
std::shared_ptr<Network> unrepaired(const std::string& name) {
    auto network = test::hash_network(name);
    test::quantized_layers(*network);
    return network;
}

}  // namespace

TEST_CASE("reconstructed blocks bring the predictions closer, by codes that are the records'") {
    const std::string name = GENERATE("demo_vit", "demo_cnn");
    const auto loss = GENERATE(BlockLoss::output_error, BlockLoss::fisher);
    CAPTURE(name, static_cast<int>(loss));
    const auto result = reconstructed(name, block_config(loss), /*real_zero_points=*/false);
    const double before = result.divergence(*unrepaired(name));
    const double after = result.divergence(*result.network);
    INFO(before << " -> " << after);
    CHECK(after < 0.9 * before);
    REQUIRE(result.parts.size() == 1);
    CHECK(result.parts[0].count > 0);

    int64_t changed = 0;
    const auto& entries = result.network->layers();
    for (std::size_t i = 0; i < result.layers.size(); ++i) {
        const LayerRecord& layer = result.layers[i];
        INFO(layer.name);
        const auto codes = to_torch(layer.bit_code).to(torch::kInt32);
        const auto step = codes - to_torch(result.before[i].bit_code).to(torch::kInt32);
        CHECK(step.abs().max().item<int>() <= 1);
        CHECK(codes.max().item<int>() <= 3);
        changed += (step != 0).sum().item<int64_t>();
        CHECK(torch::equal(to_torch(layer.zero_point), to_torch(result.before[i].zero_point)));
        const auto weight = dequantized(layer.bit_code, layer.scale, layer.zero_point);
        CHECK(torch::equal(entries[i].layer->weight(),
                           weight.view(entries[i].layer->weight().sizes())));
        CHECK_FALSE(entries[i].layer->weight().requires_grad());
    }
    CHECK(changed > 0);
}

TEST_CASE("a block that reconstruction does not help stays as it was") {
    auto config = block_config();
    config.grid_learning_rate = 1.0;  // scales are thrown off
    const auto result = reconstructed("demo_vit", config);
    CHECK(result.divergence(*result.network) <=
          result.divergence(*unrepaired("demo_vit")) * 1.0001);
    const auto& entries = result.network->layers();
    int64_t same = 0;
    for (std::size_t i = 0; i < result.layers.size(); ++i) {
        const LayerRecord& layer = result.layers[i];
        const auto weight = dequantized(layer.bit_code, layer.scale, layer.zero_point);
        CHECK(torch::equal(entries[i].layer->weight(),
                           weight.view(entries[i].layer->weight().sizes())));
        same += torch::equal(to_torch(layer.scale), to_torch(result.before[i].scale)) ? 1 : 0;
    }
    CHECK(same > 0);
}

TEST_CASE("block reconstruction has the same bits for any number of threads") {
    const auto loss = GENERATE(BlockLoss::output_error, BlockLoss::fisher);
    auto config = block_config(loss);
    config.block_iterations = 15;
    std::vector<std::vector<std::pair<std::string, torch::Tensor>>> states;
    for (const int threads : {1, 3}) {
        set_torch_threads(threads);
        states.push_back(reconstructed("demo_cnn", config).network->state_dict());
    }
    for (std::size_t i = 0; i < states[0].size(); ++i) {
        INFO(states[0][i].first);
        CHECK(torch::equal(states[0][i].second, states[1][i].second));
    }
}
