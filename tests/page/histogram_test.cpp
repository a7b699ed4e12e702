#include "page/histogram.hpp"

#include <nlohmann/json.hpp>
#include <numeric>

#include "results/sample_run.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

int64_t sum_of(const nlohmann::ordered_json& counts) {
    int64_t sum = 0;
    for (const auto& count : counts) sum += count.get<int64_t>();
    return sum;
}

/** Two channels of four inputs in two scale groups, with two bits. */
LayerRecord small_layer() {
    LayerRecord layer;
    layer.bits = 2;
    layer.weight_error = 0.1;
    layer.bit_code = HostTensor::copy_of<uint8_t>(DType::u8, {2, 4},
                                                  std::vector<uint8_t>{0, 1, 2, 3, 3, 3, 0, 1});
    layer.scale = HostTensor::copy_of<float>(DType::f32, {2, 2}, std::vector<float>{1, 2, 0.5F, 4});
    layer.zero_point =
        HostTensor::copy_of<float>(DType::f32, {2, 2}, std::vector<float>{-1, -2, -1, 0});
    return layer;
}

}  // namespace

TEST_CASE("a histogram counts borders once and what lies beyond in the outermost bins") {
    const std::vector<float> values{0, 0.5F, 1, 1, 2, -3, 9};
    const Histogram histogram = histogram_of(values, {0, 2}, 4);
    CHECK(histogram.counts == std::vector<int64_t>{2, 1, 2, 2});
    CHECK(histogram_of(std::vector<float>{5, 5, 5}, {5, 5}, 4).counts == std::vector<int64_t>{3});
}

TEST_CASE("quantized values have the scale and the zero point of their group") {
    CHECK(quantized_values(small_layer()) == std::vector<float>{-1, 0, 0, 2, 1, 1, 0, 4});
}

TEST_CASE("distributions count every weight, code and scale") {
    const LayerRecord layer = small_layer();
    const auto json = distributions_of(layer, {});
    CHECK(json["codes"] == nlohmann::ordered_json::parse("[2,2,1,3]"));
    CHECK(sum_of(json["quantized"]["counts"]) == 8);
    CHECK(sum_of(json["scales"]["counts"]) == 4);
    CHECK(json["scales"]["low"] == 0.5);
    CHECK_FALSE(json.contains("weights"));
    CHECK(distributions_of(LayerRecord(), {}).is_null());
}

TEST_CASE("float weights are shown only where their distance is the run's") {
    const LayerRecord layer = small_layer();
    std::vector<float> near = quantized_values(layer);
    near[0] -= 0.3F;
    const auto with = distributions_of(
        layer, HostTensor::copy_of<float>(DType::f32, {2, 4}, std::span<const float>(near)));
    REQUIRE(with.contains("weights"));
    CHECK(sum_of(with["weights"]["counts"]) == 8);
    CHECK(with["weights"]["low"] == with["quantized"]["low"]);
    CHECK(with["quantized"]["low"].get<double>() == Approx(-1.3));

    // As when the run had folded a norm into the layer, or rotated it.
    std::vector<float> far = near;
    for (float& value : far) value *= 3;
    const auto without = distributions_of(
        layer, HostTensor::copy_of<float>(DType::f32, {2, 4}, std::span<const float>(far)));
    CHECK_FALSE(without.contains("weights"));
}
