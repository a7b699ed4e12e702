#include "report/run_json.hpp"

#include <type_traits>

#include "config/yaml_json.hpp"
#include "core/json_text.hpp"
#include "report/run_text.hpp"
#include "results/layer_columns.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

constexpr int error_digits = 5;

Json size_json(const RunRecord& run) {
    const ModelSize& size = run.model_size;
    Json json;
    json["float_bytes"] = size.float_bytes;
    if (run.layers.empty()) {
        json["quantized_bytes"] = nullptr;
        json["average_bits_with_scales"] = nullptr;
    } else {
        json["quantized_bytes"] = size.quantized_bytes;
        json["average_bits_with_scales"] = with_decimals(size.average_bits_with_scales, 2);
    }
    return json;
}

Json provenance_json(const Provenance& provenance) {
    Json json;
    visit_fields(provenance, [&](const char* name, const auto& value, const char*) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
            json[name] = value.empty() ? Json(nullptr) : Json(value);
        } else {
            json[name] = value;
        }
    });
    return json;
}

Json layer_json(const LayerRecord& layer) {
    Json json;
    for (const LayerColumn& column : layer_columns()) {
        std::visit(
            [&](auto field) {
                const auto& value = layer.*field;
                if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
                    json[column.name] = with_digits(value, error_digits);
                } else {
                    json[column.name] = value;
                }
            },
            column.field);
    }
    return json;
}

}  // namespace

Json evaluation_json(const std::optional<EvaluationRecord>& record) {
    if (!record) return nullptr;
    Json json;
    json["top1"] = with_decimals(record->top1, 2);
    json["top1_standard_error"] = with_decimals(record->top1_standard_error, 2);
    json["top5"] = with_decimals(record->top5, 2);
    json["images"] = record->images;
    return json;
}

Json run_json(const RunRecord& run, const std::string& origin, std::string_view sort) {
    Json json;
    json["file"] = origin;
    json["identity"] = run.identity;
    json["full_precision"] = evaluation_json(run.full_precision);
    json["quantized"] = evaluation_json(run.quantized);
    json["agreement"] = with_decimals(run.agreement.value_or(not_measured), 2);
    json["mean_squared_relative_error"] =
        with_digits(mean_squared_relative_error(run.layers), error_digits);
    json["size"] = size_json(run);
    json["uses_labels"] = run.uses_labels;
    json["uses_gradients"] = run.uses_gradients;
    json["config"] = json_of_yaml(run.config, origin);
    json["provenance"] = provenance_json(run.provenance);
    json["stages"] = Json::array();
    for (const StageRecord& stage : run.stages) {
        json["stages"].push_back(
            {{"name", stage.name}, {"seconds", with_digits(stage.seconds, error_digits)}});
    }
    json["rounded_inputs"] = Json::array();
    for (const ActivationRecord& record : run.activations) {
        json["rounded_inputs"].push_back({{"layer", record.layer}, {"bits", record.bits}});
    }
    json["layers"] = Json::array();
    for (const std::size_t i : sorted_layers(run.layers, sort)) {
        json["layers"].push_back(layer_json(run.layers[i]));
    }
    return json;
}

}  // namespace comq
