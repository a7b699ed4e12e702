#include "report/run_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <utility>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "experiment_config/config_text.hpp"
#include "report/csv.hpp"
#include "report/figures_text.hpp"
#include "results/columns.hpp"

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
    visit_fields(run.provenance, [&](const char* name, const auto& value) {
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
    TextTable table({{.heading = "name", .width = 5},
                     {.heading = "bits", .to_the_right = true},
                     {.heading = "ranges", .to_the_right = true, .width = 8},
                     {.heading = "smallest", .to_the_right = true, .width = 11},
                     {.heading = "largest", .to_the_right = true, .width = 11}},
                    1, 2);
    for (const auto& record : shown) {
        const bool dynamic = record.minimum.shape.empty();
        const auto minimum = dynamic ? std::span<const float>() : record.minimum.as<float>();
        const std::string bits = fmt::format("{}", record.bits);
        if (minimum.empty()) {
            table.add({record.layer, bits, "dynamic", "-", "-"});
        } else {
            table.add({record.layer, bits, fmt::format("{}", minimum.size()),
                       fmt::format("{:.4g}", std::ranges::min(minimum)),
                       fmt::format("{:.4g}", std::ranges::max(record.maximum.as<float>()))});
        }
    }
    std::string text =
        fmt::format("rounded inputs ({} layers)\n{}", run.activations.size(), table.text());
    if (shown.size() < run.activations.size()) {
        text +=
            fmt::format("  … and {} more (--layers all)\n", run.activations.size() - shown.size());
    }
    return text;
}

/** The columns that fit a screen; the CSV has all. */
std::string layer_table(const RunRecord& run, std::string_view sort, std::size_t most) {
    const auto order = sorted_layers(columns_of(run.layers), sort);
    const std::size_t shown = std::min(most, order.size());
    std::string text = fmt::format("layers ({}, sorted by {})\n", run.layers.size(), sort);
    if (shown == 0) return text;
    const auto chosen = std::span(order).first(shown);
    const bool held_out = std::ranges::any_of(
        chosen, [&](std::size_t i) { return !std::isnan(run.layers[i].heldout_relative_error); });
    std::vector<TextTable::Column> columns{
        {.heading = "name", .width = 5},
        {.heading = "out x in", .to_the_right = true, .width = 12},
        {.heading = "bits", .to_the_right = true},
        {.heading = "levels", .to_the_right = true},
        {.heading = "relative", .to_the_right = true},
        {.heading = "RTN's", .to_the_right = true, .width = 8}};
    if (held_out) columns.push_back({.heading = "held-out", .to_the_right = true});
    columns.push_back({.heading = "SQNR dB", .to_the_right = true});
    TextTable table(std::move(columns), 1, 2);
    for (const std::size_t i : chosen) {
        const LayerRecord& layer = run.layers[i];
        std::vector<std::string> cells{
            layer.name,
            fmt::format("{} x {}", layer.out_features, layer.in_features),
            fmt::format("{}", layer.bits),
            fmt::format("{}", layer.levels_used),
            format_number(layer.relative_error, 5),
            format_number(layer.rtn_relative_error, 5)};
        if (held_out) cells.push_back(format_number(layer.heldout_relative_error, 5));
        cells.push_back(format_number(layer.sqnr_db, 2));
        table.add(std::move(cells));
    }
    text += table.text();
    if (shown < order.size()) {
        text += fmt::format("  … and {} more (--layers all)\n", order.size() - shown);
    }
    return text;
}

}  // namespace

std::vector<std::size_t> sorted_layers(const Columns& layers, std::string_view column) {
    if (const Column* found = find_column(layers, column)) return sorted_rows(*found);
    if (column != "network") {
        std::vector<std::string> names{"network"};
        for (const Column& known : layers) names.push_back(known.name);
        throw UsageError("--sort {}: no such column; there are {}", column, fmt::join(names, ", "));
    }
    std::vector<std::size_t> order(layers.front().rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
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
    const Columns columns = columns_of(run.layers);
    return csv_text(columns, sorted_layers(columns, sort));
}

}  // namespace comq
