#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

std::vector<QuantizationConfig> every_config() {
    std::vector<QuantizationConfig> configs;
    for (const std::string& method : method_names()) {
        for (const auto preset : {Preset::authors_code, Preset::paper}) {
            for (const auto granularity : {Granularity::per_channel, Granularity::per_layer}) {
                if (method == "beacon" && granularity == Granularity::per_layer) continue;
                QuantizationConfig config;
                config.method = method;
                config.preset = preset;
                config.granularity = granularity;
                config.scale_update =
                    preset == Preset::paper ? ScaleUpdate::closed_form : ScaleUpdate::none;
                configs.push_back(config);
            }
        }
    }
    return configs;
}

void check_usable(const QuantizedWeight& weight, int bits) {
    for (int64_t j = 0; j < weight.out_features(); ++j) {
        CHECK(weight.scale(j, 0) > 0);
        CHECK(std::isfinite(weight.scale(j, 0)));
        CHECK(std::isfinite(weight.zero_point(j, 0)));
        for (int64_t i = 0; i < weight.in_features(); ++i) {
            CHECK(weight.bit_code(j, i) < (1 << bits));
        }
    }
}

}  // namespace

TEST_CASE("dead inputs get the level nearest to their float weight") {
    ExplicitLayer layer = random_layer(31, 60, 16, 5);
    for (const int64_t dead : {3, 9}) {
        for (int64_t t = 0; t < 60; ++t) layer.inputs(t, dead) = 0;
    }
    layer.gram = gram_of(layer.inputs);
    for (const QuantizationConfig& config : every_config()) {
        CAPTURE(config.method, static_cast<int>(config.preset));
        const QuantizedWeight weight = make_method(config)->solve(layer.problem(3)).weight;
        check_usable(weight, 3);
        for (int64_t j = 0; j < 5; ++j) {
            for (const int64_t dead : {3, 9}) {
                double nearest = INFINITY;
                for (int q = 0; q < 8; ++q) {
                    nearest = std::min<double>(
                        nearest, std::fabs(weight.scale(j, 0) * (q + weight.zero_point(j, 0)) -
                                           layer.weight(j, dead)));
                }
                const double distance =
                    std::fabs(dequantize(weight)(j, dead) - layer.weight(j, dead));
                CHECK(distance == Approx(nearest).margin(1e-7));
            }
        }
    }
}

TEST_CASE("a layer whose inputs are all dead is rounded to nearest") {
    ExplicitLayer layer = random_layer(32, 10, 8, 3);
    layer.gram = Matrix<double>(8, 8);
    for (const QuantizationConfig& config : every_config()) {
        const QuantizedWeight weight = make_method(config)->solve(layer.problem(4)).weight;
        check_usable(weight, 4);
        const LayerError error = group_error(layer.gram.view(), layer.weight.view(), weight);
        CHECK(error.error == 0);
        CHECK(error.relative_error == 0);
    }
}

TEST_CASE("constant channels are represented exactly per channel") {
    ExplicitLayer layer = random_layer(33, 60, 12, 4);
    for (int64_t i = 0; i < 12; ++i) {
        layer.weight(0, i) = 0.37F;
        layer.weight(1, i) = -0.12F;
        layer.weight(2, i) = 0;
    }
    for (QuantizationConfig config : every_config()) {
        if (config.granularity == Granularity::per_layer) continue;
        config.scalar = 0.8;
        CAPTURE(config.method, static_cast<int>(config.preset));
        const QuantizedWeight weight = make_method(config)->solve(layer.problem(2)).weight;
        check_usable(weight, 2);
        const Matrix<float> values = dequantize(weight);
        for (int64_t j = 0; j < 3; ++j) {
            for (int64_t i = 0; i < 12; ++i) {
                CHECK(values(j, i) == Approx(layer.weight(j, i)).epsilon(1e-6));
            }
        }
    }
}

TEST_CASE("a layer of zeros stays zero") {
    ExplicitLayer layer = random_layer(34, 60, 12, 4);
    layer.weight = Matrix<float>(4, 12);
    const bool symmetric = GENERATE(false, true);
    const auto zero_point = GENERATE(ZeroPoint::whole, ZeroPoint::half, ZeroPoint::real);
    for (QuantizationConfig config : every_config()) {
        config.symmetric = symmetric;
        config.zero_point = zero_point;
        CAPTURE(config.method, static_cast<int>(config.preset));
        const QuantizedWeight weight = make_method(config)->solve(layer.problem(2)).weight;
        check_usable(weight, 2);
        const Matrix<float> values = dequantize(weight);
        for (int64_t i = 0; i < 48; ++i) CHECK(values.data()[i] == 0);
    }
}

TEST_CASE("one input and one output channel") {
    ExplicitLayer layer = random_layer(35, 20, 1, 1);
    for (const QuantizationConfig& config : every_config()) {
        check_usable(make_method(config)->solve(layer.problem(2)).weight, 2);
    }
}

TEST_CASE("weights of extreme magnitude") {
    const float factor = GENERATE(1e-38F, 1e-30F, 1e30F);
    ExplicitLayer layer = random_layer(36, 40, 10, 3);
    for (int64_t i = 0; i < 30; ++i) layer.weight.data()[i] *= factor;
    for (const QuantizationConfig& config : every_config()) {
        check_usable(make_method(config)->solve(layer.problem(4)).weight, 4);
    }
}

TEST_CASE("NaN and infinity name the layer") {
    const double bad =
        GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
    for (const QuantizationConfig& config : every_config()) {
        const auto method = make_method(config);
        ExplicitLayer layer = random_layer(37, 20, 6, 3);
        layer.weight(1, 4) = static_cast<float>(bad);
        CHECK_THROWS_WITH(method->solve(layer.problem(4)),
                          ContainsSubstring("blocks.0.fc1") &&
                              ContainsSubstring("output channel 1") &&
                              ContainsSubstring("checkpoint"));
        layer = random_layer(37, 20, 6, 3);
        layer.gram(2, 5) = bad;
        CHECK_THROWS_WITH(method->solve(layer.problem(4)),
                          ContainsSubstring("blocks.0.fc1") && ContainsSubstring("Gram row 2"));
    }
}

TEST_CASE("bits outside 2 to 8 are refused") {
    const int bits = GENERATE(1, 9);
    const ExplicitLayer layer = random_layer(38, 20, 6, 3);
    CHECK_THROWS_AS(make_method({})->solve(layer.problem(bits)), UsageError);
}

TEST_CASE("zero points that inputs can't see stay with the weights") {
    // Rows as LayerNorm leaves them, of mean 0 but for the rounding of fp32.
    ExplicitLayer layer = random_layer(39, 400, 64, 24);
    for (int64_t t = 0; t < 400; ++t) {
        double mean = 0.0;
        for (int64_t i = 0; i < 64; ++i) mean += static_cast<double>(layer.inputs(t, i)) / 64;
        for (int64_t i = 0; i < 64; ++i) {
            layer.inputs(t, i) = static_cast<float>(static_cast<double>(layer.inputs(t, i)) - mean);
        }
    }
    layer.gram = gram_of(layer.inputs);
    const auto method = GENERATE(std::string("comq"), std::string("comq_plus"));
    QuantizationConfig config;
    config.method = method;
    config.scale_update = ScaleUpdate::closed_form;
    config.zero_point = ZeroPoint::real;
    CAPTURE(method);
    const QuantizedWeight weight = make_method(config)->solve(layer.problem(2)).weight;
    check_usable(weight, 2);
    for (int64_t j = 0; j < 24; ++j) {
        double largest = 0.0;
        for (int64_t i = 0; i < 64; ++i) {
            largest = std::max(largest, std::fabs(static_cast<double>(layer.weight(j, i))));
        }
        for (int q = 0; q < 4; ++q) {
            CHECK(std::fabs(weight.scale(j, 0) * (q + weight.zero_point(j, 0))) < 2 * largest);
        }
    }
}
