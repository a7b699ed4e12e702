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
#include "core/text_width.hpp"
#include "core/units.hpp"
#include "experiment_config/config_text.hpp"
#include "report/csv.hpp"
#include "report/figures_text.hpp"
#include "results/layer_columns.hpp"

namespace comq {

namespace {

/** The config by section: "quantization  bits=4 method=comq …". */
std::string config_paragraph(const RunRecord& run, const std::string& origin, bool every_key) {
    const auto wanted = keys_off_default(run.config, origin);
    std::map<std::string, std::string> sections;
    for (const auto& [key, value] : config_values(run.config, origin)) {
        if (!every_key && !std::ranges::binary_search(wanted, key)) continue;
        const auto dot = key.find('.');
        const std::string section = dot == std::string::npos ? "run" : key.substr(0, dot);
        const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
        sections[section] += fmt::format(" {}={}", name, value);
    }
    std::string text =
        every_key ? "config\n" : "config, what differs from the defaults (--all-keys: all)\n";
    for (const auto& [section, values] : sections) {
        text += fmt::format("  {:<14} {}\n", section, wrapped(values, 17, screen_columns));
    }
    return text;
}

std::string whole_provenance(const RunRecord& run) {
    std::string text = "provenance\n";
    visit_fields(run.provenance, [&](const char* name, const auto& value, const char*) {
        const std::string shown = fmt::format("{}", value);
        if (!shown.empty()) text += fmt::format("  {:<18} {}\n", name, shown);
    });
    text += fmt::format("  {:<18} {}\n", "identity", run.identity);
    if (!run.stages.empty()) text += "stages\n";
    for (const StageRecord& stage : run.stages) {
        text += fmt::format("  {:<24} {}\n", stage.name, format_duration(stage.seconds));
    }
    return text;
}

/** "made by comq 0.1.0, commit 0123456789, on 2026-01-31 at node17 …", and time in a second line.
 */
std::string short_provenance(const RunRecord& run) {
    const Provenance& from = run.provenance;
    std::string made = fmt::format("comq {}", from.comq_version);
    if (!from.build_commit.empty()) {
        made += ", commit " + from.build_commit.substr(0, 10);
        if (from.build_commit.ends_with("-modified")) made += "-modified";
    }
    if (!from.started_utc.empty()) made += ", " + from.started_utc.substr(0, 10);
    if (!from.hostname.empty()) made += ", " + from.hostname;
    std::string text =
        "made by  " + wrapped(made + " (--provenance: all)", 9, screen_columns) + "\n";
    if (!run.stages.empty())
        text += "time     " + wrapped(time_text(run), 9, screen_columns) + "\n";
    return text;
}

std::string marks(const RunRecord& run) {
    return fmt::format("uses     labels: {}, gradients: {}\n", run.uses_labels ? "yes" : "no",
                       run.uses_gradients ? "yes" : "no");
}

std::string activation_table(const RunRecord& run, std::size_t most) {
    if (run.activations.empty()) return "";
    const auto shown = std::span(run.activations).first(std::min(most, run.activations.size()));
    std::size_t width = 5;
    for (const auto& record : shown) width = std::max(width, record.layer.size());
    std::string text =
        fmt::format("rounded inputs ({} layers)\n  {:<{}} {:>4} {:>8} {:>11} {:>11}\n",
                    run.activations.size(), "name", width, "bits", "ranges", "smallest", "largest");
    for (const auto& record : shown) {
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
    if (shown.size() < run.activations.size()) {
        text +=
            fmt::format("  … and {} more (--layers all)\n", run.activations.size() - shown.size());
    }
    return text;
}

/** The columns that fit a screen; the CSV has all. */
std::string layer_table(const RunRecord& run, std::string_view sort, std::size_t most) {
    const auto order = sorted_layers(run.layers, sort);
    const std::size_t shown = std::min(most, order.size());
    std::string text = fmt::format("layers ({}, sorted by {})\n", run.layers.size(), sort);
    if (shown == 0) return text;
    std::size_t width = 5;
    bool held_out = false;
    for (std::size_t i = 0; i < shown; ++i) {
        const LayerRecord& layer = run.layers[order[i]];
        width = std::max(width, layer.name.size());
        held_out |= !std::isnan(layer.heldout_relative_error);
    }
    const auto row = [&](const std::string& name, const std::string& shape, const auto& bits,
                         const auto& levels, const std::string& relative, const std::string& rtn,
                         const std::string& heldout, const std::string& decibels) {
        text += fmt::format("  {:<{}} {:>12} {:>4} {:>6} {:>8} {:>8}{} {:>7}\n", name, width, shape,
                            bits, levels, relative, rtn,
                            held_out ? fmt::format(" {:>8}", heldout) : "", decibels);
    };
    row("name", "out x in", "bits", "levels", "relative", "RTN's", "held-out", "SQNR dB");
    for (std::size_t i = 0; i < shown; ++i) {
        const LayerRecord& layer = run.layers[order[i]];
        row(layer.name, fmt::format("{} x {}", layer.out_features, layer.in_features), layer.bits,
            layer.levels_used, format_number(layer.relative_error, 5),
            format_number(layer.rtn_relative_error, 5),
            format_number(layer.heldout_relative_error, 5), format_number(layer.sqnr_db, 2));
    }
    if (shown < order.size()) {
        text += fmt::format("  … and {} more (--layers all)\n", order.size() - shown);
    }
    return text;
}

}  // namespace

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

std::string describe_run(const RunRecord& run, const std::string& origin,
                         const DescribeOptions& options) {
    std::string text =
        fmt::format("{}\n{}size     {}\n{}\n{}\n{}\n", origin, accuracy_table(run), size_text(run),
                    marks(run), config_paragraph(run, origin, options.every_key),
                    options.whole_provenance ? whole_provenance(run) : short_provenance(run));
    text += layer_table(run, options.sort, options.layers);
    return options.layers > 0 ? text + activation_table(run, options.layers) : text;
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
