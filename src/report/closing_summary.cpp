#include "report/closing_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/child_process.hpp"
#include "core/text.hpp"
#include "report/figures_text.hpp"
#include "report/run_json.hpp"
#include "results/columns.hpp"

namespace comq {

namespace {

constexpr std::size_t worst_layers_shown = 5;
std::string worst_layers(const RunRecord& run) {
    if (run.layers.empty()) return "";
    const auto order = sorted_rows(*find_column(columns_of(run.layers), "relative_error"));
    const auto shown = std::min(worst_layers_shown, order.size());
    std::size_t width = 5;
    for (std::size_t i = 0; i < shown; ++i) {
        width = std::max(width, display_width(run.layers[order[i]].name));
    }
    width = std::min<std::size_t>(width, screen_columns - 40);
    std::string text = "  worst layers by relative error ‖X(W−Wq)‖/‖XW‖ (RTN: round-to-nearest)\n";
    for (std::size_t i = 0; i < shown; ++i) {
        const LayerRecord& layer = run.layers[order[i]];
        text += fmt::format(
            "    {}  {} bits  {}  (RTN {})\n", padded(cut(layer.name, width), width), layer.bits,
            format_number(layer.relative_error, 4), format_number(layer.rtn_relative_error, 4));
    }
    const auto better = std::ranges::count_if(run.layers, [](const LayerRecord& layer) {
        return layer.relative_error < layer.rtn_relative_error;
    });
    text +=
        fmt::format("  {} of {} layers are below round-to-nearest\n", better, run.layers.size());
    return text;
}

std::string labelled(const std::string& label, const std::string& value) {
    constexpr std::size_t indent = 10;
    return padded("  " + label, indent) + wrapped(value, indent, screen_columns) + "\n";
}

}  // namespace

std::string closing_summary(const RunRecord& run, const std::string& file) {
    std::string text = "\n" + accuracy_table(run) + labelled("size", size_text(run));
    if (!run.activations.empty()) {
        text += fmt::format("  inputs of {} layers rounded to {} bits\n", run.activations.size(),
                            run.activations.front().bits);
    }
    text += worst_layers(run);
    if (!run.stages.empty()) text += labelled("time", time_text(run));
    // Never broken or cut: they are copied.
    return text +
           fmt::format("  result  {}\n  next    inspect_results {}\n", file, shell_quoted(file));
}

std::string closing_sentence(const RunRecord& run, const std::string& file) {
    std::string text = file + ":";
    const auto add = [&](const char* network, const std::optional<EvaluationRecord>& record) {
        if (!record) return;
        text += fmt::format(" {} Top-1 {}%", network,
                            format_accuracy({record->top1, record->top1_standard_error}));
    };
    add("full precision", run.full_precision);
    if (run.full_precision && run.quantized) text += ",";
    add("quantized", run.quantized);
    return text + "\n";
}

std::string closing_json(const RunRecord& run, const std::string& file) {
    nlohmann::ordered_json line;
    line["file"] = file;
    line["status"] = complete_status;
    line["identity"] = run.identity;
    line.update(figures_json(run));
    return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace comq
