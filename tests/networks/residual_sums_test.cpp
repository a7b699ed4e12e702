// Where outputs of layers are added to residual streams: what a network says of it, against the
// tensors that it computes.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "networks/describe_model.hpp"
#include "networks/exported_programs.hpp"
#include "networks/hash_weights.hpp"
#include "networks/load.hpp"
#include "networks/network.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** Everything that observables see and make, and the sums that they say they are in. */
class RecordingTap : public StreamTap {
  public:
    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        inputs[observed.name()] = input;
        return input;
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        outputs[observed.name()] = output;
    }
    void on_sum(const Observable& observed, const ResidualSum& sum) override {
        REQUIRE(sum.stream.defined());
        sums[observed.name()] = sum;
    }

    std::map<std::string, torch::Tensor> inputs;
    std::map<std::string, torch::Tensor> outputs;
    std::map<std::string, ResidualSum> sums;
};

RecordingTap recorded(const Network& network, const torch::Tensor& images) {
    const torch::InferenceMode inference;
    RecordingTap tap;
    network.forward(images, &tap);
    return tap;
}

/** What the sum of `layer` is, but for the addend of a norm; laid out as the layer's output. */
torch::Tensor summed(const RecordingTap& tap, const Observable& layer) {
    const auto& sum = tap.sums.at(layer.name());
    const auto& output = tap.outputs.at(layer.name());
    REQUIRE(sum.stream.sizes() == output.sizes());
    if (!sum.scale.defined()) return sum.stream + output;
    std::vector<int64_t> along(static_cast<std::size_t>(output.dim()), 1);
    along.at(layer.channel_axis() < 0 ? along.size() - 1 : 1) = -1;
    return sum.stream + output * sum.scale.view(along);
}

bool same_entries_in_any_order(const torch::Tensor& a, const torch::Tensor& b) {
    return a.numel() == b.numel() && torch::allclose(std::get<0>(a.flatten().sort()),
                                                     std::get<0>(b.flatten().sort()), 1e-4, 1e-5);
}

std::set<std::string> names_of(const RecordingTap& tap) {
    std::set<std::string> names;
    for (const auto& [name, sum] : tap.sums) names.insert(name);
    return names;
}

const Observable& observable(const Network& network, const std::string& name) {
    for (const auto& entry : network.observables()) {
        if (entry.observable->name() == name) return *entry.observable;
    }
    throw std::runtime_error("no " + name);
}

std::shared_ptr<const ModelDescription> describe_program(const std::filesystem::path& programs,
                                                         const std::string& name) {
    ModelConfig config;
    config.program = programs / (name + ".pt2");
    return describe_model(config);
}

std::shared_ptr<Network> network_with(const ModelDescription& description, TensorMap tensors) {
    auto network = description.make();
    take_over_parameters(*network, std::move(tensors), description.name);
    return network;
}

std::shared_ptr<Network> network_of(const std::string& name) {
    const auto network = find_model(name).make();
    set_hash_weights(*network);
    return network;
}

}  // namespace

TEST_CASE("attention projections and second MLP layers are added to what comes before them") {
    const std::string model = GENERATE("demo_vit", "swin_tiny_patch4_window7_224");
    const auto network = network_of(model);
    const int64_t side = model == "demo_vit" ? 32 : 224;
    torch::manual_seed(3);
    const auto tap = recorded(*network, torch::randn({2, 3, side, side}));
    int64_t blocks = 0;
    for (const auto& entry : network->layers()) {
        const std::string& name = entry.layer->name();
        INFO(name);
        if (!name.ends_with(".attn.proj")) continue;
        ++blocks;
        const std::string block = name.substr(0, name.size() - std::string("attn.proj").size());
        // norm2 sees the sum of attention and stream, in Swin in another order of the tokens.
        const auto& attended = tap.inputs.at(block + "norm2");
        CHECK(same_entries_in_any_order(summed(tap, *entry.layer), attended));
        if (model == "demo_vit") CHECK(torch::allclose(summed(tap, *entry.layer), attended));
        CHECK(torch::equal(tap.sums.at(block + "mlp.fc2").stream, attended));
        CHECK(tap.sums.contains(block + "mlp.fc2"));
    }
    CHECK(std::ssize(tap.sums) == 2 * blocks);
    CHECK(blocks == (model == "demo_vit" ? 5 : 12));
}

TEST_CASE("a bottleneck's last convolution is added to the stream behind its BatchNorm's scale") {
    const std::string model = GENERATE("resnet18", "resnet50", "mobilenet_v2", "regnet_x_400mf",
                                       "efficientnet_lite0", "cifar10_resnet20");
    INFO(model);
    const auto network = network_of(model);
    torch::manual_seed(4);
    const auto tap = recorded(*network, torch::randn({1, 3, 64, 64}));
    CHECK_FALSE(tap.sums.empty());
    std::map<std::string, Observable*> norms;
    for (const auto& entry : network->observables()) {
        if (entry.convolution != nullptr) norms[entry.convolution->name()] = entry.observable;
    }
    for (const auto& [name, sum] : tap.sums) {
        INFO(name);
        const auto& layer = observable(*network, name);
        Observable& norm = *norms.at(name);
        // The addend of the norm: what it makes of zeros.
        const auto& statistics = *norm.batch_statistics();
        const auto scale = norm.weight() / (statistics.variance + statistics.eps).sqrt();
        const auto addend = (norm.bias() - statistics.mean * scale).view({1, -1, 1, 1});
        CHECK(torch::allclose(summed(tap, layer) + addend, sum.stream + tap.outputs.at(norm.name()),
                              1e-4, 1e-4));
        CHECK(torch::allclose(sum.scale, scale, 1e-5, 1e-7));
    }
}

TEST_CASE("networks without shortcuts say of no layer that it ends in a sum") {
    const std::string model = GENERATE("squeezenet1_1", "vgg16");
    CHECK(recorded(*network_of(model), torch::randn({1, 3, 64, 64})).sums.empty());
}

TEST_CASE("a program finds the sums of the family that it was exported from") {
    COMQ_NEED_PROGRAMS(programs);
    for (const std::string name : {"demo_vit", "demo_cnn"}) {
        INFO(name);
        std::string file = name;
        std::erase(file, '_');
        const auto description = describe_program(programs, file);
        const auto program = network_with(*description, description->own_weights());
        const auto family = network_with(find_model(name), description->own_weights());
        torch::manual_seed(5);
        const auto images = torch::randn({3, 3, 32, 32});
        const auto ours = recorded(*family, images), theirs = recorded(*program, images);
        CHECK_FALSE(ours.sums.empty());
        CHECK(names_of(ours) == names_of(theirs));
        for (const auto& [layer, sum] : ours.sums) {
            INFO(layer);
            const auto& other = theirs.sums.at(layer);
            CHECK(torch::allclose(sum.stream, other.stream, 1e-5, 1e-6));
            if (sum.scale.defined()) CHECK(torch::equal(sum.scale, other.scale));
            if (!sum.scale.defined())
                CHECK(torch::equal(other.scale, torch::ones_like(other.scale)));
        }
    }
}

TEST_CASE("a program's factors and orders of entries are undone") {
    COMQ_NEED_PROGRAMS(programs);
    const auto open = [&](const std::string& name) {
        const auto description = describe_program(programs, name);
        return network_with(*description, description->own_weights());
    };
    torch::manual_seed(6);
    // x + scale · proj(y), x + fc2(…).
    const auto transformer = open("transformer");
    const auto tap = recorded(*transformer, torch::randn({2, 3, 32, 32}));
    CHECK(names_of(tap) ==
          std::set<std::string>{"blocks.0.proj", "blocks.0.fc2", "blocks.1.proj", "blocks.1.fc2"});
    for (const auto& [name, tensor] : transformer->state_dict()) {
        if (name == "blocks.0.scale") {
            CHECK(torch::equal(tap.sums.at("blocks.0.proj").scale, tensor));
        }
    }
    CHECK(torch::allclose(summed(tap, observable(*transformer, "blocks.0.proj")),
                          tap.inputs.at("blocks.0.norm2"), 1e-4, 1e-5));
    CHECK(torch::equal(tap.sums.at("blocks.0.fc2").stream, tap.inputs.at("blocks.0.norm2")));
    // What a squeeze-excitation scales, and what nothing is added to, is in no sum.
    CHECK(recorded(*open("residual"), torch::randn({2, 3, 32, 32})).sums.empty());
}

TEST_CASE("a sum that a program makes in place is found") {
    COMQ_NEED_PROGRAMS(programs);
    const auto description = describe_program(programs, "groupedresidual");
    const auto network = network_with(*description, description->own_weights());
    torch::manual_seed(7);
    const auto tap = recorded(*network, torch::randn({2, 3, 32, 32}));
    CHECK(names_of(tap) == std::set<std::string>{"conv3.0", "shortcut.1.0"});
    // Each is added to what the other's norm makes of it.
    const auto& normed = tap.outputs.at("shortcut.1.1");
    CHECK(torch::allclose(tap.sums.at("conv3.0").stream, normed, 1e-5, 1e-6));
    CHECK(torch::allclose(tap.sums.at("shortcut.1.0").stream, tap.outputs.at("conv3.1"), 1e-5,
                          1e-6));
}
