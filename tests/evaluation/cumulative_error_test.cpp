#include "evaluation/cumulative_error.hpp"

#include <cmath>

#include "networks/hash_weights.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

std::shared_ptr<Network> hash_network(const char* name) {
    auto network = find_model(name).make();
    test::set_hash_weights(*network);
    return network;
}

/** The outputs of one layer, all calls one after the other. */
class OneLayer : public Tap {
  public:
    explicit OneLayer(std::string name) : name_(std::move(name)) {}
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        if (observed.name() == name_) outputs.push_back(output.to(torch::kDouble).flatten());
    }
    std::vector<torch::Tensor> outputs;

  private:
    std::string name_;
};

torch::Tensor outputs_of(const Network& network, const std::string& layer,
                         const torch::Tensor& pixels) {
    OneLayer tap(layer);
    network.forward(pixels, &tap);
    return torch::cat(tap.outputs);
}

/** The same without the layer's bias. */
torch::Tensor products_of(Network& network, const std::string& layer, const torch::Tensor& pixels) {
    for (const auto& entry : network.layers()) {
        if (entry.layer->name() != layer || !entry.layer->bias().defined()) continue;
        const auto bias = entry.layer->bias().clone();
        entry.layer->bias().zero_();
        const auto products = outputs_of(network, layer, pixels);
        entry.layer->bias().copy_(bias);
        return products;
    }
    return outputs_of(network, layer, pixels);
}

}  // namespace

TEST_CASE("cumulative errors are those of whole networks, layer by layer") {
    const std::string name = GENERATE("demo_vit", "demo_cnn");
    const test::MemorySource source(7, 32);
    const auto full_precision = hash_network(name.c_str());
    const auto quantized = hash_network(name.c_str());
    const torch::NoGradGuard no_grad;
    const std::size_t changed = quantized->layers().size() / 2;
    quantized->layers()[changed].layer->weight().mul_(1.25);
    BadImages bad(0);
    const auto pass = test::pass_over(source, name, 4, bad);
    set_torch_threads(1);
    const auto errors = cumulative_errors(*full_precision, *quantized, pass);
    set_torch_threads(3);
    CHECK(cumulative_errors(*full_precision, *quantized, pass) == errors);

    const auto pixels = test::pixels_of(pass);
    REQUIRE(errors.size() == quantized->layers().size());
    for (std::size_t i = 0; i < quantized->layers().size(); ++i) {
        const auto& layer = quantized->layers()[i].layer->name();
        INFO(layer);
        const auto expected = outputs_of(*full_precision, layer, pixels);
        const auto seen = outputs_of(*quantized, layer, pixels);
        // fp32 outputs of batches of another size.
        const double relative =
            ((seen - expected).norm() / products_of(*full_precision, layer, pixels).norm())
                .item<double>();
        CHECK(errors.at(layer) == Approx(relative).epsilon(1e-4).margin(1e-6));
        if (i < changed) CHECK(errors.at(layer) == 0.0);
        if (i >= changed) CHECK(errors.at(layer) > 0.0);
    }
}
