#include "report/closing_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/progress.hpp"
#include "report/json_text.hpp"
#include "report/run_text.hpp"

namespace comq {

namespace {

constexpr std::size_t worst_layers_shown = 5;

std::string accuracy_row(const char* network, const EvaluationRecord& evaluation,
                         const std::string& rest) {
    return fmt::format("  {:<16} {:>15} {:>8.2f} {:>8}{}\n", network,
                       format_accuracy(evaluation.top1, evaluation.top1_standard_error),
                       evaluation.top5, evaluation.images, rest);
}

std::string accuracy_table(const RunRecord& run) {
    std::string text =
        fmt::format("  {:<16} {:>15} {:>8} {:>8}\n", "network", "Top-1 %", "Top-5 %", "images");
    if (run.full_precision) text += accuracy_row("full precision", *run.full_precision, "");
    if (run.quantized) {
        text += accuracy_row("quantized", *run.quantized,
                             fmt::format("   same class as full precision: {:.2f}%",
                                         run.agreement.value_or(not_measured)));
    }
    return text;
}

std::string worst_layers(const RunRecord& run) {
    if (run.layers.empty()) return "";
    const auto order = sorted_layers(run.layers, "relative_error");
    const auto shown = std::min(worst_layers_shown, order.size());
    std::size_t width = 5;
    for (std::size_t i = 0; i < shown; ++i) {
        width = std::max(width, run.layers[order[i]].name.size());
    }
    std::string text = fmt::format(
        "  worst layers by relative error ‖X(W−Wq)‖/‖XW‖, round-to-nearest "
        "beside it:\n");
    for (std::size_t i = 0; i < shown; ++i) {
        const LayerRecord& layer = run.layers[order[i]];
        text += fmt::format("    {:<{}}  {} bits  {:.4f}  (RTN {:.4f})\n", layer.name, width,
                            layer.bits, layer.relative_error, layer.rtn_relative_error);
    }
    const auto better = std::ranges::count_if(run.layers, [](const LayerRecord& layer) {
        return layer.relative_error < layer.rtn_relative_error;
    });
    text +=
        fmt::format("  {} of {} layers are below round-to-nearest\n", better, run.layers.size());
    return text;
}

}  // namespace

std::string closing_summary(const RunRecord& run, const std::string& file) {
    std::string text = "\n" + accuracy_table(run);
    if (!run.layers.empty()) {
        text += fmt::format("  {} layers, {:.2f} bits a weight with scales; {} instead of {}\n",
                            run.layers.size(), run.model_size.average_bits_with_scales,
                            format_bytes(static_cast<double>(run.model_size.quantized_bytes)),
                            format_bytes(static_cast<double>(run.model_size.float_bytes)));
    }
    if (!run.activations.empty()) {
        text += fmt::format("  inputs of {} layers rounded to {} bits\n", run.activations.size(),
                            run.activations.front().bits);
    }
    text += worst_layers(run);
    std::string stages;
    for (const auto& stage : run.stages) {
        stages += fmt::format("{}{} {}", stages.empty() ? "" : ", ", stage.name,
                              format_duration(stage.seconds));
    }
    text += fmt::format("  time: {}\n  result: {}\n", stages, file);
    return text;
}

std::string closing_line(const RunRecord& run, const std::string& file) {
    nlohmann::ordered_json line;
    line["file"] = file;
    line["status"] = complete_status;
    line["identity"] = run.identity;
    if (run.full_precision) line["full_precision_top1"] = json_number(run.full_precision->top1);
    if (run.quantized) {
        line["top1"] = json_number(run.quantized->top1);
        line["top1_standard_error"] = json_number(run.quantized->top1_standard_error);
        line["top5"] = json_number(run.quantized->top5);
        line["agreement"] = json_number(run.agreement.value_or(not_measured));
        line["mean_squared_relative_error"] = json_number(mean_squared_relative_error(run.layers));
        line["average_bits"] = json_number(run.model_size.average_bits_with_scales);
    }
    double seconds = 0.0;
    for (const auto& stage : run.stages) seconds += stage.seconds;
    line["seconds"] = json_number(seconds);
    return "comq-result " + line.dump();
}

}  // namespace comq
