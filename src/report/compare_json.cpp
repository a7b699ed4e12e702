#include "report/compare_json.hpp"

#include "core/json_text.hpp"
#include "report/run_json.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

Json keys_json(const std::vector<DifferingKey>& keys) {
    Json array = Json::array();
    for (const DifferingKey& key : keys) {
        array.push_back({{"key", key.key}, {"first", key.first}, {"second", key.second}});
    }
    return array;
}

Json paired_test_json(const AccuracyComparison& accuracy) {
    if (!accuracy.paired) return nullptr;
    const McNemarTest& test = *accuracy.paired;
    Json json;
    json["images"] = test.images;
    json["differing_predictions"] = accuracy.differing_predictions;
    json["only_first_right"] = test.only_first_right;
    json["only_second_right"] = test.only_second_right;
    json["difference"] = with_decimals(test.difference, 2);
    json["standard_error"] = with_decimals(test.standard_error, 2);
    json["p_value"] = with_digits(test.p_value, 3);
    return json;
}

Json divergence_json(const AccuracyComparison& accuracy) {
    if (!accuracy.divergence) return nullptr;
    const auto& [first, second, difference, p_value] = *accuracy.divergence;
    return {{"first_kl", with_digits(first.value, 5)},
            {"first_standard_error", with_digits(first.standard_error, 3)},
            {"second_kl", with_digits(second.value, 5)},
            {"second_standard_error", with_digits(second.standard_error, 3)},
            {"difference", with_digits(difference.value, 5)},
            {"standard_error", with_digits(difference.standard_error, 3)},
            {"p_value", with_digits(p_value, 3)}};
}

Json accuracy_json(const AccuracyComparison& accuracy) {
    Json json;
    json["network"] = accuracy.network;
    json["first_top1"] = with_decimals(accuracy.first.value, 2);
    json["first_standard_error"] = with_decimals(accuracy.first.standard_error, 2);
    json["second_top1"] = with_decimals(accuracy.second.value, 2);
    json["second_standard_error"] = with_decimals(accuracy.second.standard_error, 2);
    json["paired_test"] = paired_test_json(accuracy);
    json["paired_divergence"] = divergence_json(accuracy);
    return json;
}

Json layer_json(const LayerComparison& layer) {
    Json json;
    json["name"] = layer.name;
    const LayerComparison::Side none;
    json["first_bits"] = layer.first ? Json(layer.first->bits) : Json(nullptr);
    json["second_bits"] = layer.second ? Json(layer.second->bits) : Json(nullptr);
    json["first_relative_error"] = with_digits(layer.first.value_or(none).relative_error, 5);
    json["second_relative_error"] = with_digits(layer.second.value_or(none).relative_error, 5);
    json["equal_codes_percent"] =
        with_decimals(layer.equal_codes ? 100 * *layer.equal_codes : not_measured, 2);
    json["same_weights"] = layer.same_weights;
    return json;
}

}  // namespace

Json comparison_json(const RunComparison& comparison) {
    Json json;
    json["accuracies"] = Json::array();
    for (const AccuracyComparison& accuracy : comparison.accuracies) {
        json["accuracies"].push_back(accuracy_json(accuracy));
    }
    json["figures"] = Json::array();
    for (const auto& [figure, first, second] : comparison.figures) {
        json["figures"].push_back({{"figure", figure->name},
                                   {"first", figure_number(*figure, first.value)},
                                   {"second", figure_number(*figure, second.value)}});
    }
    json["config"] = keys_json(comparison.config);
    json["provenance"] = keys_json(comparison.provenance);
    json["layers"] = Json::array();
    for (const LayerComparison& layer : comparison.layers) {
        json["layers"].push_back(layer_json(layer));
    }
    return json;
}

}  // namespace comq
