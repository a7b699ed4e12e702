#include "experiment/quantize_layer.hpp"

#include <cmath>

#include "calibration/gram_collector.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;

namespace {

struct QuantizedLayer {
    torch::Tensor weight;
    LayerRecord record;
};

/** Quantizes `layer` on `input`, installs the result, and returns the float weight beside it. */
QuantizedLayer quantize_on(QuantizableLayer& layer, const torch::Tensor& input, int bits) {
    torch::NoGradGuard no_grad;
    layer.weight().copy_(torch::randn_like(layer.weight()));
    layer.set_name("layer");
    const auto weight = layer.weight().clone();
    GramCollector collector(layer);
    collector.add(input);
    LayerStatistics statistics;
    collector.take(statistic::gram, statistics);
    QuantizationConfig config;
    const auto comq = make_method(config);
    config.method = "rtn";
    const auto rtn = make_method(config);
    auto record = quantize_layer({{&layer, 0, 0, true}, bits}, statistics, *comq, *rtn);
    install_weight(layer, record);
    return {weight, std::move(record)};
}

}  // namespace

TEST_CASE("a layer's recorded error is that of its outputs with the installed weight") {
    torch::manual_seed(3);
    const torch::NoGradGuard no_grad;
    const int bits = GENERATE(2, 3, 4, 8);
    Linear layer(24, 10);
    const auto input = torch::randn({200, 24});
    const auto [weight, record] = quantize_on(*layer, input, bits);
    const auto exact = input.to(torch::kDouble).mm(weight.to(torch::kDouble).t());
    const auto ours = input.to(torch::kDouble).mm(layer->weight().to(torch::kDouble).t());
    // The Gram is fp32 products summed in fp64: 1e-6 relative is ample.
    CHECK(record.error == Approx((ours - exact).norm().item<double>()).epsilon(1e-4));
    CHECK(record.relative_error ==
          Approx((ours - exact).norm().item<double>() / exact.norm().item<double>()).epsilon(1e-4));
    CHECK(record.sqnr_db == Approx(-20.0 * std::log10(record.relative_error)));
    CHECK(record.relative_error < record.rtn_relative_error);
    CHECK(record.levels_used <= (1 << bits));
    CHECK(std::isnan(record.heldout_relative_error));
}

TEST_CASE("a grouped convolution is quantized group by group") {
    torch::manual_seed(4);
    const torch::NoGradGuard no_grad;
    Conv2dOptions options;
    options.kernel = 3;
    options.padding = 1;
    options.groups = GENERATE(1, 4, 8);
    Conv2d layer(8, 16, options);
    const auto input = torch::randn({2, 8, 9, 9});
    const auto [weight, record] = quantize_on(*layer, input, 3);
    const auto ours = layer->forward(input);
    layer->weight().copy_(weight);
    const auto exact = layer->forward(input);
    CHECK(record.error == Approx((ours - exact).norm().item<double>()).epsilon(1e-3));
    CHECK(record.relative_error < record.rtn_relative_error);
    CHECK(record.bit_code.shape == std::vector<int64_t>{16, 72 / options.groups});
}

TEST_CASE("the size counts packed codes, scales and zero points, and all that stays float") {
    torch::manual_seed(5);
    struct OneLayer : Network {
        Linear fc{64, 32};
        OneLayer() {
            register_module("fc", fc);
            add_block("fc", fc.ptr(), Scope::quantized);
        }
    } network;
    const auto quantized = quantize_on(*network.fc, torch::randn({100, 64}), 3);
    const auto size = measure_size(network, {quantized.record});
    CHECK(size.float_bytes == (64 * 32 + 32) * 4);
    CHECK(size.quantized_bytes == 64 * 32 * 3 / 8 + 32 * 8 + 32 * 4);
    CHECK(size.average_bits_with_scales == Approx(3.0 + 64.0 / 64.0));

    // One scale and zero point a layer are stored once for each output and cost one of each.
    LayerRecord shared = quantized.record;
    for (HostTensor* values : {&shared.scale, &shared.zero_point}) {
        *values = HostTensor::copy_of<float>(DType::f32, {32, 1}, std::vector<float>(32, 0.5F));
    }
    CHECK(measure_size(network, {shared}).average_bits_with_scales ==
          Approx(3.0 + 64.0 / (64.0 * 32.0)));
}
