#include "report/run_json.hpp"

#include <type_traits>

#include "config/yaml_json.hpp"
#include "core/json_text.hpp"
#include "report/run_text.hpp"
#include "results/columns.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

constexpr int error_digits = 5;

Json size_json(const RunRecord& run) {
    const ModelSize& size = run.model_size;
    Json json;
    json["float_bytes"] = size.float_bytes;
    json["quantized_bytes"] = run.layers.empty() ? Json(nullptr) : Json(size.quantized_bytes);
    const Figure& bits = *find_figure("average_bits_with_scales");
    json[bits.name] = figure_number(bits, bits.value(run));
    return json;
}

Json provenance_json(const Provenance& provenance) {
    Json json;
    visit_fields(provenance, [&](const char* name, const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
            json[name] = value.empty() ? Json(nullptr) : Json(value);
        } else {
            json[name] = value;
        }
    });
    return json;
}

}  // namespace

Json figure_number(const Figure& figure, double value) {
    return figure.unit == "1" ? with_digits(value, error_digits)
                              : with_decimals(value, figure.digits);
}

Json figures_json(const RunRecord& run) {
    Json json;
    for (const Figure& figure : figure_columns()) {
        json[figure.name] = figure_number(figure, figure.value(run));
    }
    return json;
}

Json row_json(const Columns& columns, std::size_t row, std::optional<int> digits) {
    Json json;
    for (const Column& column : columns) {
        std::visit(
            [&](const auto& values) {
                using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
                if constexpr (std::is_same_v<Value, double>) {
                    json[column.name] =
                        digits ? with_digits(values[row], *digits) : json_number(values[row]);
                } else {
                    json[column.name] = values[row];
                }
            },
            column.values);
    }
    return json;
}

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
    json.update(figures_json(run));
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
    const Columns columns = columns_of(run.layers);
    for (const std::size_t i : sorted_layers(columns, sort)) {
        json["layers"].push_back(row_json(columns, i, error_digits));
    }
    return json;
}

}  // namespace comq
