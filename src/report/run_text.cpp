#include "report/run_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <type_traits>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "report/config_values.hpp"
#include "report/csv.hpp"
#include "results/layer_columns.hpp"

namespace comq {

namespace {

std::string number(double value, int digits) {
    return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}

/** The config by its first word: "quantization  bits=4 method=comq …". */
std::string config_paragraph(const RunRecord& run, const std::string& origin) {
    std::map<std::string, std::vector<std::string>> sections;
    for (const auto& [key, value] : config_values(run.config, origin)) {
        const auto dot = key.find('.');
        if (value.empty() || value == "null" || value == "[]") continue;
        if (dot == std::string::npos) {
            sections["run"].push_back(fmt::format("{}={}", key, value));
        } else {
            sections[key.substr(0, dot)].push_back(
                fmt::format("{}={}", key.substr(dot + 1), value));
        }
    }
    std::string text = "config\n";
    for (const auto& [section, values] : sections) {
        text += fmt::format("  {:<14} {}\n", section, fmt::join(values, " "));
    }
    return text;
}

std::string provenance_and_stages(const RunRecord& run) {
    std::string text = "provenance\n";
    visit_fields(run.provenance, [&](const char* name, const auto& value, const char*) {
        const std::string shown = fmt::format("{}", value);
        if (!shown.empty()) text += fmt::format("  {:<18} {}\n", name, shown);
    });
    if (!run.stages.empty()) text += "stages\n";
    for (const StageRecord& stage : run.stages) {
        text += fmt::format("  {:<18} {}\n", stage.name, format_duration(stage.seconds));
    }
    return text;
}

std::string accuracy_line(const char* network, const std::optional<EvaluationRecord>& record) {
    if (!record) return fmt::format("  {:<16} {:>14}\n", network, "not evaluated");
    return fmt::format("  {:<16} {:>14} {:>8} {:>8}\n", network,
                       format_accuracy(record->top1, record->top1_standard_error),
                       number(record->top5, 2), record->images);
}

std::string accuracy_paragraph(const RunRecord& run) {
    std::string text =
        fmt::format("{:<18} {:>14} {:>8} {:>8}\n", "accuracy (%)", "Top-1", "Top-5", "images");
    text += accuracy_line("full precision", run.full_precision);
    text += accuracy_line("quantized", run.quantized);
    if (run.agreement) text += fmt::format("  {:<16} {:>8.2f}\n", "agreement", *run.agreement);
    return text;
}

std::string size_paragraph(const RunRecord& run) {
    const ModelSize& size = run.model_size;
    const auto bytes = static_cast<double>(size.float_bytes);
    const auto quantized = static_cast<double>(size.quantized_bytes);
    return fmt::format(
        "size: {} as floats, {} quantized ({:.1f}x), {:.2f} bits a weight with scales\n",
        format_bytes(bytes), format_bytes(quantized), quantized > 0 ? bytes / quantized : 0.0,
        size.average_bits_with_scales);
}

std::string activation_table(const RunRecord& run) {
    if (run.activations.empty()) return "";
    std::size_t width = 5;
    for (const auto& record : run.activations) width = std::max(width, record.layer.size());
    std::string text =
        fmt::format("rounded inputs ({} layers)\n  {:<{}} {:>4} {:>8} {:>11} {:>11}\n",
                    run.activations.size(), "name", width, "bits", "ranges", "smallest", "largest");
    for (const auto& record : run.activations) {
        const auto minimum =
            record.minimum.shape.empty() ? std::span<const float>() : record.minimum.as<float>();
        if (minimum.empty()) {
            text += fmt::format("  {:<{}} {:>4} {:>8} {:>11} {:>11}\n", record.layer, width,
                                record.bits, "dynamic", "-", "-");
            continue;
        }
        text += fmt::format("  {:<{}} {:>4} {:>8} {:>11.4g} {:>11.4g}\n", record.layer, width,
                            record.bits, minimum.size(), std::ranges::min(minimum),
                            std::ranges::max(record.maximum.as<float>()));
    }
    return text;
}

std::string layer_table(const RunRecord& run, std::string_view sort) {
    std::size_t width = 5;
    for (const LayerRecord& layer : run.layers) width = std::max(width, layer.name.size());
    std::string text = fmt::format("layers ({}, sorted by {})\n", run.layers.size(), sort);
    text += fmt::format("  {:<{}} {:<11} {:>13} {:>4} {:>6} {:>9} {:>9} {:>9} {:>8} {:>6} {:>9}\n",
                        "name", width, "kind", "out x in", "bits", "levels", "relative", "RTN's",
                        "held-out", "SQNR dB", "sweeps", "seconds");
    for (const std::size_t i : sorted_layers(run.layers, sort)) {
        const LayerRecord& layer = run.layers[i];
        text += fmt::format(
            "  {:<{}} {:<11} {:>13} {:>4} {:>6} {:>9} {:>9} {:>9} {:>8} {:>6} {:>9.3f}\n",
            layer.name, width, layer.kind,
            fmt::format("{} x {}", layer.out_features, layer.in_features), layer.bits,
            layer.levels_used, number(layer.relative_error, 5), number(layer.rtn_relative_error, 5),
            number(layer.heldout_relative_error, 5), number(layer.sqnr_db, 2), layer.sweeps,
            layer.seconds);
    }
    return text;
}

}  // namespace

std::string format_accuracy(double percent, double standard_error) {
    if (std::isnan(percent)) return "-";
    return fmt::format("{:.2f} ± {}", percent, number(standard_error, 2));
}

std::vector<std::size_t> sorted_layers(const std::vector<LayerRecord>& layers,
                                       std::string_view column) {
    std::vector<std::size_t> order(layers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (column == "network") return order;
    const LayerColumn* found = find_layer_column(column);
    if (found == nullptr) {
        std::vector<std::string> names{"network"};
        for (const LayerColumn& known : layer_columns()) names.push_back(known.name);
        throw UsageError("--sort {}: no such column; there are {}", column, fmt::join(names, ", "));
    }
    std::visit(
        [&](auto field) {
            std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
                const auto& left = layers[a].*field;
                const auto& right = layers[b].*field;
                using Value = std::decay_t<decltype(left)>;
                if constexpr (std::is_same_v<Value, std::string>) {
                    return left < right;
                } else if constexpr (std::is_same_v<Value, double>) {
                    if (std::isnan(left) || std::isnan(right))
                        return std::isnan(right) && !std::isnan(left);
                    return left > right;
                } else {
                    return left > right;
                }
            });
        },
        found->field);
    return order;
}

std::string describe_run(const RunRecord& run, const std::string& origin, std::string_view sort) {
    return fmt::format("{}: identity {}\nuses labels: {}, gradients: {}\n\n{}\n{}\n{}{}\n{}{}",
                       origin, run.identity, run.uses_labels ? "yes" : "no",
                       run.uses_gradients ? "yes" : "no", config_paragraph(run, origin),
                       provenance_and_stages(run), accuracy_paragraph(run), size_paragraph(run),
                       layer_table(run, sort), activation_table(run));
}

std::string layers_csv(const RunRecord& run, std::string_view sort) {
    std::vector<std::string> fields;
    for (const LayerColumn& column : layer_columns()) fields.push_back(column.name);
    std::string text = fmt::format("{}\n", fmt::join(fields, ","));
    for (const std::size_t i : sorted_layers(run.layers, sort)) {
        fields.clear();
        for (const LayerColumn& column : layer_columns()) {
            std::visit(
                [&](auto field) {
                    const auto& value = run.layers[i].*field;
                    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
                        fields.push_back(std::isnan(value) ? "" : fmt::format("{}", value));
                    } else {
                        fields.push_back(csv_field(fmt::format("{}", value)));
                    }
                },
                column.field);
        }
        text += fmt::format("{}\n", fmt::join(fields, ","));
    }
    return text;
}

}  // namespace comq
