#include "page/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/json_text.hpp"

namespace comq {

namespace {

constexpr std::size_t weight_bins = 64;
constexpr std::size_t scale_bins = 32;
constexpr int range_digits = 6;

/** Repairs may move scales after the error was recorded, so the two need not be equal. */
constexpr double distance_slack = 1.5;
constexpr double distance_floor = 0.01;

/** ‖W − Wq‖_F / ‖W‖_F. */
double relative_distance(std::span<const float> weights, std::span<const float> quantized) {
    double difference = 0.0;
    double norm = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double w = weights[i];
        difference += (w - quantized[i]) * (w - quantized[i]);
        norm += w * w;
    }
    return norm > 0.0 ? std::sqrt(difference / norm) : 0.0;
}

bool are_those_of(const LayerRecord& layer, std::span<const float> weights,
                  std::span<const float> quantized) {
    if (weights.size() != quantized.size() || std::isnan(layer.weight_error)) return false;
    return relative_distance(weights, quantized) <
           distance_slack * layer.weight_error + distance_floor;
}

nlohmann::ordered_json json_of(const Histogram& histogram) {
    return {{"low", with_digits(histogram.low, range_digits)},
            {"high", with_digits(histogram.high, range_digits)},
            {"counts", histogram.counts}};
}

}  // namespace

ValueRange range_of(std::span<const float> values) {
    const auto [low, high] = std::ranges::minmax_element(values);
    return {*low, *high};
}

Histogram histogram_of(std::span<const float> values, ValueRange range, std::size_t bins) {
    const double width = static_cast<double>(range.high) - range.low;
    if (!(width > 0.0)) bins = 1;
    Histogram histogram{range.low, range.high, std::vector<int64_t>(bins)};
    const double per_unit = width > 0.0 ? static_cast<double>(bins) / width : 0.0;
    for (const float value : values) {
        const double place = (static_cast<double>(value) - range.low) * per_unit;
        const double bin = std::clamp(std::floor(place), 0.0, static_cast<double>(bins - 1));
        ++histogram.counts[static_cast<std::size_t>(bin)];
    }
    return histogram;
}

std::vector<float> quantized_values(const LayerRecord& layer) {
    const auto codes = layer.bit_code.as<uint8_t>();
    const auto scales = layer.scale.as<float>();
    const auto zero_points = layer.zero_point.as<float>();
    const auto inputs = static_cast<std::size_t>(layer.bit_code.shape.at(1));
    const auto groups = static_cast<std::size_t>(layer.scale.shape.at(1));
    std::vector<float> values(codes.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t group = i / inputs * groups + i % inputs * groups / inputs;
        values[i] = scales[group] * (static_cast<float>(codes[i]) + zero_points[group]);
    }
    return values;
}

nlohmann::ordered_json distributions_of(const LayerRecord& layer,
                                        const std::optional<HostTensor>& weights) {
    if (layer.bit_code.shape.empty() || layer.bit_code.numel() == 0) return nullptr;
    const std::vector<float> quantized = quantized_values(layer);
    std::span<const float> original;
    if (weights) original = weights->as<float>();
    if (!are_those_of(layer, original, quantized)) original = {};

    ValueRange range = range_of(quantized);
    if (!original.empty()) {
        const ValueRange more = range_of(original);
        range = {std::min(range.low, more.low), std::max(range.high, more.high)};
    }
    std::vector<int64_t> codes(std::size_t{1} << layer.bits);
    for (const uint8_t code : layer.bit_code.as<uint8_t>()) {
        ++codes[std::min<std::size_t>(code, codes.size() - 1)];
    }
    const auto scales = layer.scale.as<float>();
    nlohmann::ordered_json json{
        {"quantized", json_of(histogram_of(quantized, range, weight_bins))},
        {"codes", codes},
        {"scales", json_of(histogram_of(scales, range_of(scales), scale_bins))}};
    if (!original.empty()) json["weights"] = json_of(histogram_of(original, range, weight_bins));
    return json;
}

}  // namespace comq
