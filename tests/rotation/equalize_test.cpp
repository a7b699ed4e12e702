#include "rotation/equalize.hpp"

#include <algorithm>

#include "core/errors.hpp"
#include "networks/hash_weights.hpp"
#include "networks/registry.hpp"
#include "rotation/rotate.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::shared_ptr<Network> hashed(const std::string& name) {
    auto network = find_model(name).make();
    test::set_hash_weights(*network);
    network->eval();
    return network;
}

torch::Tensor logits_of(const Network& network, int64_t size) {
    const torch::NoGradGuard no_gradient;
    return network.forward(
        torch::arange(2 * 3 * size * size, torch::kFloat).sin().view({2, 3, size, size}));
}

double change(const torch::Tensor& after, const torch::Tensor& before) {
    return ((after - before).norm() / before.norm()).item<double>();
}

/** Largest weights of a convolution's output channels, as its norm, if any, multiplies them. */
torch::Tensor ranges_out(const EqualizedChannels& channels) {
    const auto range = channels.layer->weight().abs().flatten(1).amax({1});
    if (channels.norm == nullptr) return range;
    const BatchStatistics& statistics = *channels.norm->statistics();
    return range * channels.norm->weight().abs() / (statistics.variance + statistics.eps).sqrt();
}

/** Of the input channels of convolutions without groups. */
torch::Tensor ranges_in(const EqualizedChannels& channels) {
    auto range = torch::zeros({channels.layer->out_features()});
    for (const auto* reader : channels.readers) {
        range = torch::maximum(range, reader->weight().abs().amax({0, 2, 3}));
    }
    return range;
}

}  // namespace

TEST_CASE("equalized layers have equal ranges, and the network the same function") {
    struct Expected {
        std::string name;
        std::size_t pairs;
        bool norms;
    };
    // Of a CIFAR ResNet's blocks, the two convolutions; of SqueezeNet, the stem and the first fire
    // module behind pooling, and in each module what the squeezed channels go to.
    const auto expected =
        GENERATE(Expected{"demo_cnn", 6, true}, Expected{"squeezenet1_1", 9, false});
    INFO(expected.name);
    const auto network = hashed(expected.name);
    const int64_t size = find_model(expected.name).preprocessing.crop;
    const auto before = logits_of(*network, size);
    const auto found = find_equalizable(*network, size);
    CHECK(torch::equal(logits_of(*network, size), before));
    REQUIRE(found.size() == expected.pairs);
    for (const auto& channels : found) {
        INFO(channels.layer->name());
        CHECK(channels.readers.size() == (channels.layer->name().ends_with("squeeze") ? 2 : 1));
        CHECK((channels.norm != nullptr) == expected.norms);
        CHECK_FALSE(torch::allclose(ranges_out(channels), ranges_in(channels), 0.05));
    }

    const torch::NoGradGuard no_gradient;
    const auto half = hashed(expected.name);
    equalize(*half, 0.5, size);
    CHECK(change(logits_of(*half, size), before) < 1e-5);
    equalize(*network, 1.0, size);
    CHECK(change(logits_of(*network, size), before) < 1e-5);
    for (const auto& channels : found) {
        INFO(channels.layer->name());
        CHECK(torch::allclose(ranges_out(channels), ranges_in(channels), 0.01));
    }
    const auto same = hashed(expected.name);
    const auto weight = same->layers()[1].layer->weight().clone();
    equalize(*same, 0.0, size);
    CHECK(torch::allclose(same->layers()[1].layer->weight(), weight, 1e-5));
}

TEST_CASE("layers with ReLU6 or GELU between them are left alone") {
    const auto network = hashed("mobilenet_v2");
    const auto before = logits_of(*network, 224);
    // Only from projections, which have no activation, to the expansion of the next block.
    const auto found = find_equalizable(*network, 224);
    CHECK_FALSE(found.empty());
    for (const auto& channels : found) {
        const std::string& name = channels.layer->name();
        INFO(name);
        CHECK((name == "features.1.conv.1" || name.ends_with(".conv.2")));
    }
    equalize(*network, 1.0, 224);
    CHECK(change(logits_of(*network, 224), before) < 1e-5);

    const auto vit = hashed("demo_vit");
    CHECK_THROWS_WITH(
        rotate(*vit, {.equalization = true}, 0, 32),
        ContainsSubstring("rotation.equalization") && ContainsSubstring("nothing but ReLU"));
}

TEST_CASE("a trial's share of the equalization is taken") {
    const auto whole = hashed("demo_cnn"), part = hashed("demo_cnn"), plain = hashed("demo_cnn");
    rotate(*whole, {.equalization = true}, RotationTrial(0), 32);
    rotate(*part, {.equalization = true}, RotationTrial(0, 0.5), 32);
    const auto factor = [&](const Network& network) {
        const torch::NoGradGuard no_gradient;
        const auto ratio = network.layers()[2].layer->weight() / plain->layers()[2].layer->weight();
        return ratio.flatten(2).amax({0, 2});
    };
    CHECK(torch::allclose(factor(*whole), factor(*part).square(), 1e-3));
    CHECK_FALSE(torch::allclose(factor(*whole), factor(*part), 1e-2));
}
