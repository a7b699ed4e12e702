#include "page/run_part.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <type_traits>

#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "experiment_config/load_config.hpp"
#include "page/histogram.hpp"
#include "page/image_parts.hpp"
#include "results/figures.hpp"
#include "results/record_columns.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

constexpr int number_digits = 5;

/** {"name": [value, error]} of every figure. */
Json figures_part(const RunRecord& run) {
    Json json = Json::object();
    for (const Figure& figure : figures_with(set_names(run))) {
        const Measurement measured = figure.of(run);
        json[figure.name] = {with_digits(measured.value, number_digits),
                             with_digits(measured.standard_error, number_digits)};
    }
    return json;
}

/** Columns of records, {"name": […]}, without those of which nothing was measured. */
template <typename Record>
Json columns_part(const std::vector<Record>& records) {
    Json json = Json::object();
    for (const Column& column : columns_of(records)) {
        Json cells = Json::array();
        bool measured = false;
        std::visit(
            [&](const auto& values) {
                using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
                for (const auto& value : values) {
                    if constexpr (std::is_same_v<Value, double>) {
                        cells.push_back(with_digits(value, number_digits));
                    } else {
                        cells.push_back(value);
                    }
                    measured = measured || !cells.back().is_null();
                }
            },
            column.values);
        if (measured) json[column.name] = std::move(cells);
    }
    return json;
}

Json layers_part(const RunRecord& run, const FloatWeights& weights) {
    Json json = columns_part(run.layers);
    Json blocks = Json::array();
    Json distributions = Json::array();
    for (const LayerRecord& layer : run.layers) {
        blocks.push_back(block_of(layer.name));
        distributions.push_back(
            distributions_of(layer, weights ? weights(layer.name) : std::nullopt));
    }
    json["block"] = std::move(blocks);
    json["distributions"] = std::move(distributions);
    return json;
}

Json provenance_part(const Provenance& provenance) {
    Json json = Json::object();
    visit_fields(provenance, [&](const char* name, const auto& value) {
        const std::string text = fmt::format("{}", value);
        if (!text.empty()) json[name] = text;
    });
    return json;
}

Json set_part(const std::string& name, const Evaluations& of, std::size_t most,
              Thumbnails* thumbnails) {
    return {{"name", name},
            {"quantiles", divergence_quantiles(of)},
            {"flips", flipped_images(of, most, thumbnails)}};
}

/** The images of the run, then those of each of its sets. */
Json sets_part(const RunRecord& run, const std::string& file, const RunPartOptions& options) {
    Thumbnails* thumbnails = options.thumbnails;
    ExperimentConfig config;
    try {
        if (thumbnails != nullptr) config = load_config_text(run.config, file).config;
    } catch (const Error& error) {
        const std::string lines = error.what();
        spdlog::warn("no thumbnails: {}", lines.substr(0, lines.find('\n')));
        thumbnails = nullptr;
    }
    if (thumbnails != nullptr) thumbnails->open(config.data);
    Json json = Json::array({set_part("", run, options.images, thumbnails)});
    for (const SetRecord& set : run.sets) {
        Thumbnails* of_set = nullptr;
        for (const EvaluationSet& known : config.evaluation.sets) {
            if (thumbnails == nullptr || known.name != set.name) continue;
            thumbnails->open(known.data);
            of_set = thumbnails;
        }
        json.push_back(set_part(set.name, set, options.images, of_set));
    }
    return json;
}

bool is_number(const std::string& word) {
    return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

std::string block_of(const std::string& layer) {
    std::size_t end = layer.size();
    for (std::size_t begin = 0; begin < layer.size();) {
        const std::size_t dot = layer.find('.', begin);
        if (dot == std::string::npos) break;
        if (is_number(layer.substr(begin, dot - begin))) end = dot;
        begin = dot + 1;
    }
    return layer.substr(0, end);
}

nlohmann::ordered_json run_part(const RunRecord& run, const std::string& file,
                                const RunPartOptions& options) {
    return {{"file", file},
            {"identity", run.identity},
            {"uses_labels", run.uses_labels},
            {"uses_gradients", run.uses_gradients},
            {"figures", figures_part(run)},
            {"float_bytes", run.model_size.float_bytes},
            {"quantized_bytes", run.layers.empty() ? Json() : Json(run.model_size.quantized_bytes)},
            {"layers", layers_part(run, options.weights)},
            {"sensitivities", columns_part(run.sensitivities)},
            {"sets", sets_part(run, file, options)},
            {"stages", columns_part(run.stages)},
            {"rounded_inputs", run.activations.size()},
            {"provenance", provenance_part(run.provenance)},
            {"config", run.config}};
}

}  // namespace comq
