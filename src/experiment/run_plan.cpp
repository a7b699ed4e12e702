#include "experiment/run_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "calibration/gram_collector.hpp"
#include "core/errors.hpp"
#include "core/threads.hpp"
#include "core/units.hpp"
#include "experiment/activation_stage.hpp"
#include "experiment/bit_stage.hpp"
#include "experiment/setup.hpp"
#include "experiment_config/config_json.hpp"
#include "networks/registry.hpp"
#include "storage/host_tensor.hpp"
#include "torch_bridge/runtime.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

const char* kind_of(const QuantizableLayer& layer) {
    return layer.kind() == LayerKind::linear ? "linear" : "convolution";
}

/** Its bits are chosen by measured errors. */
bool chosen_later(const PlannedLayer& planned, const ExperimentConfig& config) {
    return config.quantization.average_bits && !planned.bits_given;
}

int64_t peak_bytes(const Workload& workload) {
    return workload.peak_bytes + workload.program_bytes;
}

Json layer_json(const RunPlan& plan, std::size_t i) {
    const QuantizableLayer& layer = *plan.layers.layers[i].entry.layer;
    Json json;
    json["name"] = layer.name();
    json["kind"] = kind_of(layer);
    json["shape"] = layer.weight().sizes().vec();
    json["bits"] = chosen_later(plan.layers.layers[i], plan.config)
                       ? Json(nullptr)
                       : Json(plan.layers.layers[i].bits);
    json["groups"] = layer.groups();
    json["rows_per_image"] = plan.workload.layers[i].rows_per_image;
    json["gram_bytes"] = gram_bytes(layer);
    return json;
}

}  // namespace

RunPlan plan_run(const LoadedConfig& loaded) {
    RunPlan plan;
    plan.config = loaded.config;
    const auto& config = plan.config;
    plan.threads = config.resources.threads > 0 ? config.resources.threads : available_cores();
    set_torch_threads(plan.threads);
    const auto& description = find_model(config.model.name);
    plan.network = description.make();
    if (config.quantizes_weights()) plan.layers = plan_layers(*plan.network, config.quantization);
    plan.workload = measure_workload(*plan.network, plan.layers, description.preprocessing, config,
                                     plan.threads);
    try {
        plan.evaluation_images = std::ssize(open_images(config).evaluation);
    } catch (const Error& missing) {
        spdlog::warn("{}", missing.what());
    }
    return plan;
}

TimeEstimate estimate_time(const RunPlan& plan) {
    const Workload& workload = plan.workload;
    const auto& calibration = plan.config.calibration;
    const auto images = static_cast<double>(calibration.images + calibration.holdout);
    const auto seconds = [&](double forwards) {
        return forwards * workload.forward_seconds_per_image / plan.threads;
    };
    TimeEstimate time;
    time.calibration = seconds(images * workload.calibration_forwards) +
                       images * workload.gram_seconds_per_image / plan.threads;
    time.solving = workload.solve_seconds / plan.threads + seconds(workload.choice_forwards);
    time.repair = seconds(workload.repair_forwards);
    time.evaluation = seconds(2.0 * static_cast<double>(plan.evaluation_images));
    return time;
}

std::string estimate_text(const RunPlan& plan) {
    const Workload& workload = plan.workload;
    const TimeEstimate time = estimate_time(plan);
    std::string text =
        fmt::format("memory: about {} (Grams {}, {} forward pass{})\n",
                    format_bytes(static_cast<double>(peak_bytes(workload))),
                    format_bytes(static_cast<double>(workload.gram_bytes)), workload.forward_passes,
                    workload.forward_passes == 1 ? "" : "es");
    text +=
        fmt::format("disk:   about {}\n", format_bytes(static_cast<double>(workload.disk_bytes)));
    text +=
        fmt::format("time:   about {} on {} threads\n", format_duration(time.sum()), plan.threads);
    text += fmt::format("        {} calibration, {} solving, {}{}\n",
                        format_duration(time.calibration), format_duration(time.solving),
                        time.repair > 0.0 ? format_duration(time.repair) + " repair, " : "",
                        plan.evaluation_images > 0
                            ? format_duration(time.evaluation) + " evaluation"
                            : "without the evaluation, whose images are not there");
    return text;
}

std::string layers_text(const RunPlan& plan) {
    const auto& layers = plan.layers.layers;
    std::size_t width = 5;
    for (const auto& planned : layers) width = std::max(width, planned.entry.layer->name().size());
    std::string text = fmt::format("{:<{}}  {:<11} {:<18} {:>4} {:>6} {:>10} {:>9}\n", "layer",
                                   width, "kind", "shape", "bits", "groups", "rows/image", "Gram");
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const QuantizableLayer& layer = *layers[i].entry.layer;
        text += fmt::format(
            "{:<{}}  {:<11} {:<18} {:>4} {:>6} {:>10} {:>9}\n", layer.name(), width, kind_of(layer),
            format_shape(layer.weight().sizes().vec()),
            chosen_later(layers[i], plan.config) ? "auto" : fmt::format("{}", layers[i].bits),
            layer.groups(), plan.workload.layers[i].rows_per_image,
            format_bytes(static_cast<double>(gram_bytes(layer))));
    }
    const auto& left_out = plan.layers.left_out;
    text += fmt::format("{} layers are quantized; left in floating point: {}\n", layers.size(),
                        left_out.empty() ? "none" : fmt::format("{}", fmt::join(left_out, ", ")));
    if (const auto average = plan.config.quantization.average_bits) {
        text += fmt::format(
            "auto: bits are chosen by the layers' errors at {} bits, {} on average over all "
            "weights\n",
            fmt::join(measured_bits, ", "), *average);
    }
    if (plan.config.activations.bits) {
        const auto rounded = plan_layers(*plan.network, plan.config.quantization).layers.size();
        text += activation_text(plan.config, rounded) + "\n";
    }
    return text;
}

Json plan_json(const RunPlan& plan) {
    const TimeEstimate time = estimate_time(plan);
    const auto seconds = [](double value) { return std::round(value * 10.0) / 10.0; };
    Json json;
    json["memory_bytes"] = peak_bytes(plan.workload);
    json["gram_bytes"] = plan.workload.gram_bytes;
    json["disk_bytes"] = plan.workload.disk_bytes;
    json["threads"] = plan.threads;
    json["seconds"] = {{"calibration", seconds(time.calibration)},
                       {"solving", seconds(time.solving)},
                       {"repair", seconds(time.repair)},
                       {"evaluation", plan.evaluation_images > 0 ? Json(seconds(time.evaluation))
                                                                 : Json(nullptr)}};
    json["evaluation_images"] =
        plan.evaluation_images > 0 ? Json(plan.evaluation_images) : Json(nullptr);
    json["forward_passes"] = plan.workload.forward_passes;
    json["config"] = resolved_json(plan.config);
    json["layers"] = Json::array();
    for (std::size_t i = 0; i < plan.layers.layers.size(); ++i) {
        json["layers"].push_back(layer_json(plan, i));
    }
    json["left_out"] = plan.layers.left_out;
    return json;
}

}  // namespace comq
