#include <map>

#include "networks.hpp"
#include "repair/repair.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

/** Keeps what each layer sees. */
class Recorder : public Tap {
  public:
    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        inputs[layer.name()] = input.clone();
        return input;
    }
    std::map<std::string, torch::Tensor> inputs;
};

/** Mean output of a layer by channel, with what follows its product: bias or BatchNorm's mean. */
torch::Tensor mean_output(const QuantizableLayer& layer, const torch::Tensor& input,
                          const std::vector<ConvNormPair>& pairs) {
    const auto rows = layer.rows(input).mean({1}, /*keepdim=*/true);
    auto mean =
        (layer.weight().view({layer.groups(), -1, layer.in_features()}) * rows).sum({2}).flatten();
    if (layer.bias().defined()) return mean + layer.bias();
    for (const auto& pair : pairs) {
        if (pair.convolution == &layer) mean = mean - pair.norm->batch_statistics()->mean;
    }
    return mean;
}

}  // namespace

TEST_CASE("a corrected layer has the mean output of its float weight on the same inputs") {
    const std::string name = GENERATE("demo_vit", "demo_cnn");
    INFO(name);
    const auto original = test::hash_network(name), quantized = test::hash_network(name);
    test::round_weights(*quantized);
    const test::MemorySource source(10, 32);
    BadImages bad(0);
    const auto pass = test::pass_over(source, name, 4, bad);
    const auto corrected = test::apply(bias_correction_repair, *original, *quantized, pass);
    CHECK(corrected.count == static_cast<int64_t>(quantized->layers().size()));

    const torch::NoGradGuard no_gradient;
    Recorder recorder;
    original->forward(test::pixels_of(pass), &recorder);
    const auto pairs = conv_norm_pairs(*original), quantized_pairs = conv_norm_pairs(*quantized);
    for (std::size_t i = 0; i < original->layers().size(); ++i) {
        const auto& layer = *original->layers()[i].layer;
        INFO(layer.name());
        const auto& input = recorder.inputs.at(layer.name());
        const auto wanted = mean_output(layer, input, pairs);
        const auto found = mean_output(*quantized->layers()[i].layer, input, quantized_pairs);
        CHECK((found - wanted).abs().max().item<double>() <
              1e-5 * (1.0 + wanted.abs().max().item<double>()));
    }
}

TEST_CASE("layers whose weights did not change are left alone") {
    const auto original = test::hash_network("demo_cnn"), same = test::hash_network("demo_cnn");
    const test::MemorySource source(4, 32);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 2, bad);
    CHECK(test::apply(bias_correction_repair, *original, *same, pass).count == 0);
}

TEST_CASE("corrected biases have the same bits for any number of threads") {
    const test::MemorySource source(9, 32);
    std::vector<std::vector<std::pair<std::string, torch::Tensor>>> states;
    for (const int threads : {1, 3}) {
        set_torch_threads(threads);
        const auto original = test::hash_network("demo_cnn");
        const auto quantized = test::hash_network("demo_cnn");
        test::round_weights(*quantized);
        BadImages bad(0);
        test::apply(bias_correction_repair, *original, *quantized,
                    test::pass_over(source, "demo_cnn", 2, bad));
        states.push_back(quantized->state_dict());
    }
    for (std::size_t i = 0; i < states[0].size(); ++i) {
        CHECK(torch::equal(states[0][i].second, states[1][i].second));
    }
}
