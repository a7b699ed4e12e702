#include "quantization/layer_error.hpp"

#include <cmath>

#include "quantization/explicit_reference.hpp"
#include "quantization/grid.hpp"
#include "quantization/start.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

QuantizedWeight rounded(const ExplicitLayer& layer, int bits) {
    const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
    return on_grid(rtn_start(layer.weight.view(), grid).bit_code, grid);
}

}  // namespace

TEST_CASE("layer errors equal those of the rows") {
    for (const int64_t channels : {1, 16, 37}) {
        const ExplicitLayer layer = random_layer(41, 80, 29, channels);
        const QuantizedWeight quantized = rounded(layer, 3);
        const std::vector<double> expected = explicit_squared_error(layer, dequantize(quantized));
        const double signal = sum(explicit_squared_error(layer, Matrix<float>(channels, 29)));
        // The difference of weights is taken in fp32.
        const LayerError error = group_error(layer.gram.view(), layer.weight.view(), quantized);
        const std::vector<double> errors =
            squared_channel_errors(layer.gram.view(), layer.weight.view(), quantized);
        for (int64_t j = 0; j < channels; ++j) {
            CHECK(errors[j] == Approx(expected[j]).epsilon(2e-5));
        }
        CHECK(error.error == Approx(std::sqrt(sum(expected))).epsilon(1e-5));
        CHECK(error.relative_error == Approx(std::sqrt(sum(expected) / signal)).epsilon(1e-5));
        CHECK(error.sqnr_db == Approx(10 * std::log10(signal / sum(expected))).epsilon(1e-5));
    }
}

TEST_CASE("the weight error is that of the weights alone") {
    ExplicitLayer layer = random_layer(42, 10, 2, 1);
    layer.weight(0, 0) = 3;
    layer.weight(0, 1) = 4;
    QuantizedWeight quantized{Matrix<uint8_t>(1, 2), Matrix<float>(1, 1), Matrix<float>(1, 1)};
    quantized.scale(0, 0) = 1;
    quantized.bit_code(0, 0) = 3;
    quantized.bit_code(0, 1) = 3;
    CHECK(group_error(layer.gram.view(), layer.weight.view(), quantized).weight_error ==
          Approx(0.2));
}

TEST_CASE("an exact layer has no error") {
    const ExplicitLayer layer = random_layer(43, 10, 3, 2);
    QuantizedWeight quantized{Matrix<uint8_t>(2, 3), Matrix<float>(2, 1), Matrix<float>(2, 1)};
    quantized.scale(0, 0) = quantized.scale(1, 0) = 1;
    const Matrix<float> zeros(2, 3);
    const LayerError error = group_error(layer.gram.view(), zeros.view(), quantized);
    CHECK(error.relative_error == 0);
    CHECK(error.weight_error == 0);
    CHECK(std::isinf(error.sqnr_db));
}

TEST_CASE("groups are measured on their own Grams") {
    const ExplicitLayer first = random_layer(44, 50, 9, 3);
    const ExplicitLayer second = random_layer(45, 50, 9, 3);
    Matrix<float> weight(6, 9);
    std::copy_n(first.weight.data(), 27, weight.data());
    std::copy_n(second.weight.data(), 27, weight.row(3));
    const QuantizedWeight parts[] = {rounded(first, 2), rounded(second, 2)};
    const std::vector<PackedTriangle> grams{packed(first.gram.view()), packed(second.gram.view())};
    const LayerError whole = measure_error(grams, weight.view(), concatenate_channels(parts));
    const double a = group_error(first.gram.view(), first.weight.view(), parts[0]).error;
    const double b = group_error(second.gram.view(), second.weight.view(), parts[1]).error;
    CHECK(whole.error == Approx(std::hypot(a, b)));
    const double signal = signal_energy(grams, weight.view());
    CHECK(measure_error(grams, weight.view(), concatenate_channels(parts), signal).relative_error ==
          whole.relative_error);
}
