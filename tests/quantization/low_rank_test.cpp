// Errors that are reported of layers whose inputs are of low rank, against the rows themselves.
#include <cmath>
#include <vector>

#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** Rows that are combinations of `rank` ones, with a Gram as calibration sums it up: in fp32. */
ExplicitLayer low_rank_layer(uint64_t seed, int64_t rank) {
    constexpr int64_t rows = 2048;
    constexpr int64_t in_features = 64;
    constexpr int64_t block = 128;
    ExplicitLayer layer = random_layer(seed, rows, in_features, 32);
    const ExplicitLayer mixture = random_layer(seed + 1, rows, rank, 1);
    const Matrix<double> basis = random_layer(seed + 2, rank, in_features, 1).inputs;
    for (int64_t t = 0; t < rows; ++t) {
        for (int64_t i = 0; i < in_features; ++i) {
            double value = basis(0, i);
            for (int64_t r = 1; r < rank; ++r) value += mixture.inputs(t, r) * basis(r, i);
            layer.inputs(t, i) = static_cast<double>(static_cast<float>(value));
        }
    }
    for (int64_t i = 0; i < in_features; ++i) {
        for (int64_t j = 0; j < in_features; ++j) {
            layer.gram(i, j) = 0;
            for (int64_t first = 0; first < rows; first += block) {
                float sum = 0;
                for (int64_t t = first; t < first + block; ++t) {
                    sum += static_cast<float>(layer.inputs(t, i)) *
                           static_cast<float>(layer.inputs(t, j));
                }
                layer.gram(i, j) += static_cast<double>(sum);
            }
        }
    }
    return layer;
}

}  // namespace

TEST_CASE("no method reports less than the error of the rows where inputs are of low rank") {
    for (const std::string& method : method_names()) {
        for (const int64_t rank : {1, 2, 5}) {
            for (const int bits : {2, 4, 8}) {
                const ExplicitLayer layer = low_rank_layer(70 + static_cast<uint64_t>(rank), rank);
                QuantizationConfig config;
                config.method = method;
                config.bits = bits;
                CAPTURE(method, rank, bits);
                const Solution solution = make_method(config)->solve(layer.problem(bits));
                const double signal = sum(explicit_squared_error(layer, Matrix<float>(32, 64)));
                const double actual = std::sqrt(
                    sum(explicit_squared_error(layer, dequantize(solution.weight))) / signal);
                const double reported =
                    group_error(layer.gram.view(), layer.weight.view(), solution.weight)
                        .relative_error;
                CHECK(reported >= 0.9 * actual);
                CHECK(actual < 1.0);
            }
        }
    }
}
