#include "page/image_parts.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "accuracy/estimate.hpp"
#include "core/json_text.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kl_digits = 4;
constexpr int quantile_steps = 50;

std::vector<std::size_t> flipped(const EvaluationRecord& before, const EvaluationRecord& after) {
    std::vector<std::size_t> flips;
    for (std::size_t i = 0; i < before.prediction.size(); ++i) {
        if (before.prediction[i] != after.prediction[i]) flips.push_back(i);
    }
    return flips;
}

}  // namespace

nlohmann::ordered_json divergence_quantiles(const Evaluations& of) {
    if (!of.quantized || of.quantized->kl.empty()) return nullptr;
    Json shares = Json::array();
    Json values = Json::array();
    for (int step = 1; step < quantile_steps; ++step) {
        const double share = static_cast<double>(step) / quantile_steps;
        shares.push_back(share);
        values.push_back(with_digits(quantile_of(of.quantized->kl, share).value, kl_digits));
    }
    shares.push_back(1.0);
    values.push_back(with_digits(std::ranges::max(of.quantized->kl), kl_digits));
    return {{"share", std::move(shares)}, {"kl", std::move(values)}};
}

nlohmann::ordered_json flipped_images(const Evaluations& of, std::size_t most,
                                      Thumbnails* thumbnails) {
    if (!of.full_precision || !of.quantized) return nullptr;
    const EvaluationRecord& before = *of.full_precision;
    const EvaluationRecord& after = *of.quantized;
    if (before.image != after.image || before.image.empty()) return nullptr;

    std::vector<std::size_t> flips = flipped(before, after);
    const auto right = [&](const EvaluationRecord& network) {
        return std::ranges::count_if(
            flips, [&](std::size_t i) { return network.prediction[i] == network.label[i]; });
    };
    const auto lost = right(before);
    const auto gained = right(after);
    const std::size_t count = flips.size();
    if (!after.kl.empty()) {
        std::ranges::stable_sort(flips, std::greater<>(),
                                 [&](std::size_t i) { return after.kl[i]; });
    }
    flips.resize(std::min(most, count));

    Json image = Json::array(), label = Json::array(), full_precision = Json::array(),
         quantized = Json::array(), kl = Json::array(), thumbnail = Json::array();
    for (const std::size_t i : flips) {
        image.push_back(before.image[i]);
        label.push_back(before.label[i]);
        full_precision.push_back(before.prediction[i]);
        quantized.push_back(after.prediction[i]);
        kl.push_back(after.kl.empty() ? Json() : with_digits(after.kl[i], kl_digits));
        const std::string key = thumbnails == nullptr ? "" : thumbnails->key_of(before.image[i]);
        thumbnail.push_back(key.empty() ? Json() : Json(key));
    }
    return {{"images", before.image.size()},
            {"count", count},
            {"lost", lost},
            {"gained", gained},
            {"image", std::move(image)},
            {"label", std::move(label)},
            {"full_precision", std::move(full_precision)},
            {"quantized", std::move(quantized)},
            {"kl", std::move(kl)},
            {"thumbnail", std::move(thumbnail)}};
}

}  // namespace comq
