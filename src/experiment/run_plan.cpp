#include "experiment/run_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "calibration/gram_collector.hpp"
#include "core/text.hpp"
#include "experiment/stages/stages.hpp"
#include "experiment_config/config_text.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** Its bits are chosen by measured errors. */
bool chosen_later(const PlannedLayer& planned, const ExperimentConfig& config) {
    return config.quantization.average_bits && !planned.bits_given;
}

Json layer_json(const Probe& probe, std::size_t i) {
    const PlannedLayer& planned = probe.plan.layers[i];
    const QuantizableLayer& layer = *planned.entry.layer;
    Json json;
    json["name"] = layer.name();
    json["kind"] = kind_of(layer);
    json["shape"] = layer.weight().sizes().vec();
    json["bits"] = chosen_later(planned, probe.config) ? Json(nullptr) : Json(planned.bits);
    json["groups"] = layer.groups();
    json["rows_per_image"] = probe.rows[i];
    json["gram_bytes"] = gram_bytes(layer);
    return json;
}

double rounded(double seconds) { return std::round(seconds * 10.0) / 10.0; }

}  // namespace

RunPlan plan_run(const ExperimentConfig& config) {
    RunPlan plan{probe_run(config), {}, {}};
    for (const Stage* stage : stages_of(config)) {
        plan.stages.push_back({stage->name, stage->cost(plan.probe)});
        plan.cost = plan.cost + plan.stages.back().cost;
    }
    // Repairs and quantized inputs keep a second network; each has its weights as they are and as
    // its kernels want them.
    plan.cost.memory_bytes += plan.probe.program_bytes + 4 * plan.probe.parameter_bytes();
    return plan;
}

std::string estimate_text(const RunPlan& plan) {
    const Cost& cost = plan.cost;
    const auto bytes = [](int64_t count) { return format_bytes(static_cast<double>(count)); };
    std::string text = fmt::format("memory: about {} (Grams {}, {} forward pass{})\n",
                                   bytes(cost.memory_bytes), bytes(cost.gram_bytes),
                                   cost.forward_passes, cost.forward_passes == 1 ? "" : "es");
    text += fmt::format("disk:   about {}\n", bytes(cost.disk_bytes));
    const ModelDescription& model = *plan.probe.model;
    text += fmt::format("images: {}\n        {}\n", model.preprocessing.describe(),
                        model.preprocessing_origin);
    text += fmt::format("time:   about {} on {} threads\n", format_duration(cost.seconds.sum()),
                        plan.probe.threads);
    text += fmt::format(
        "        {} calibration, {} solving, {}{}\n", format_duration(cost.seconds.calibration),
        format_duration(cost.seconds.solving),
        cost.seconds.repair > 0.0 ? format_duration(cost.seconds.repair) + " repair, " : "",
        plan.probe.evaluation_images > 0 ? format_duration(cost.seconds.evaluation) + " evaluation"
                                         : "without the evaluation, whose images are not there");
    return text;
}

std::string layers_text(const RunPlan& plan) {
    const Probe& probe = plan.probe;
    const auto& layers = probe.plan.layers;
    TextTable table({{"layer"},
                     {"kind"},
                     {"shape"},
                     {"bits", true},
                     {"groups", true},
                     {"rows/image", true},
                     {"Gram", true}},
                    2);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const QuantizableLayer& layer = *layers[i].entry.layer;
        const bool later = chosen_later(layers[i], probe.config);
        table.add({layer.name(), kind_of(layer), format_shape(layer.weight().sizes().vec()),
                   later ? "auto" : fmt::to_string(layers[i].bits), fmt::to_string(layer.groups()),
                   fmt::to_string(probe.rows[i]),
                   format_bytes(static_cast<double>(gram_bytes(layer)))});
    }
    std::string text = table.text();
    const auto& left_out = probe.plan.left_out;
    text += fmt::format("{} layers are quantized; left in floating point: {}\n", layers.size(),
                        left_out.empty() ? "none" : fmt::format("{}", fmt::join(left_out, ", ")));
    for (const Stage* stage : stages_of(probe.config)) {
        const std::string line = stage->describe == nullptr ? "" : stage->describe(probe);
        if (!line.empty()) text += line + "\n";
    }
    return text;
}

Json plan_json(const RunPlan& plan) {
    const Probe& probe = plan.probe;
    const bool evaluates = probe.evaluation_images > 0;
    Json json;
    json["memory_bytes"] = plan.cost.memory_bytes;
    json["gram_bytes"] = plan.cost.gram_bytes;
    json["disk_bytes"] = plan.cost.disk_bytes;
    json["threads"] = probe.threads;
    json["seconds"] = {
        {"calibration", rounded(plan.cost.seconds.calibration)},
        {"solving", rounded(plan.cost.seconds.solving)},
        {"repair", rounded(plan.cost.seconds.repair)},
        {"evaluation", evaluates ? Json(rounded(plan.cost.seconds.evaluation)) : Json(nullptr)}};
    json["stages"] = Json::array();
    for (const auto& [name, cost] : plan.stages) {
        json["stages"].push_back({{"name", name}, {"seconds", rounded(cost.seconds.sum())}});
    }
    json["evaluation_images"] = evaluates ? Json(probe.evaluation_images) : Json(nullptr);
    json["evaluation_sets"] = Json::array();
    for (const auto& [name, images] : probe.sets) {
        json["evaluation_sets"].push_back(
            {{"name", name}, {"images", images > 0 ? Json(images) : Json(nullptr)}});
    }
    json["forward_passes"] = plan.cost.forward_passes;
    json["preprocessing"] = probe.model->preprocessing.describe();
    json["preprocessing_origin"] = probe.model->preprocessing_origin;
    json["config"] = resolved_json(probe.config);
    json["layers"] = Json::array();
    for (std::size_t i = 0; i < probe.plan.layers.size(); ++i) {
        json["layers"].push_back(layer_json(probe, i));
    }
    json["left_out"] = probe.plan.left_out;
    return json;
}

}  // namespace comq
