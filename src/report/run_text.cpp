#include "report/run_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <type_traits>
#include <utility>

#include "core/child_process.hpp"
#include "core/json_text.hpp"
#include "core/text.hpp"
#include "experiment_config/config_text.hpp"
#include "report/accuracy_text.hpp"
#include "report/value_text.hpp"
#include "results/record_columns.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** What `--sort` calls the order of the network. */
constexpr std::string_view network_order = "network";
constexpr int significant_digits = 5;

/** What a stage takes in which there was nothing to do is less. */
constexpr double shortest_shown = 0.05;

/** "160 B instead of 1 kB (6.2x), 4.50 bits a weight with scales". */
std::string size_text(const RunRecord& run) {
    const ModelSize& size = run.model_size;
    const auto bytes = static_cast<double>(size.float_bytes);
    if (run.layers.empty()) return format_bytes(bytes) + " as floats";
    const auto quantized = static_cast<double>(size.quantized_bytes);
    return fmt::format("{} instead of {}{}, {:.2f} bits a weight with scales",
                       format_bytes(quantized), format_bytes(bytes),
                       quantized > 0 ? fmt::format(" ({:.1f}x)", bytes / quantized) : "",
                       size.average_bits_with_scales);
}

/** "12 s: calibrate 1.2 s, …" of all stages; empty when none are recorded. */
std::string time_text(const RunRecord& run) {
    double seconds = 0.0;
    std::string stages;
    for (const StageRecord& stage : run.stages) {
        seconds += stage.seconds;
        if (stage.seconds < shortest_shown) continue;
        stages += fmt::format("{}{} {}", stages.empty() ? ": " : ", ", stage.name,
                              format_duration(stage.seconds));
    }
    return run.stages.empty() ? "" : format_duration(seconds) + stages;
}

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

/** The end of a table of so many rows of which some are shown. */
std::string rest_of(std::size_t rows, std::size_t shown) {
    return shown < rows ? fmt::format("  … and {} more (--layers all)\n", rows - shown) : "";
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
    return fmt::format("rounded inputs ({} layers)\n{}{}", run.activations.size(), table.text(),
                       rest_of(run.activations.size(), shown.size()));
}

/** The columns that fit a screen; the CSV has all. */
std::string layer_table(const RunRecord& run, std::string_view sort, std::size_t most) {
    const auto order = ordered_rows(columns_of(run.layers), sort, network_order);
    const std::size_t shown = std::min(most, order.size());
    std::string text = fmt::format("layers ({}, sorted by {})\n", run.layers.size(), sort);
    if (shown == 0) return text;
    const auto chosen = std::span(order).first(shown);
    const auto measured = [&](double LayerRecord::*column) {
        return std::ranges::any_of(
            chosen, [&](std::size_t i) { return !std::isnan(run.layers[i].*column); });
    };
    const bool held_out = measured(&LayerRecord::heldout_relative_error);
    const bool cumulative = measured(&LayerRecord::cumulative_error);
    std::vector<TextTable::Column> columns{
        {.heading = "name", .width = 5},
        {.heading = "out x in", .to_the_right = true, .width = 12},
        {.heading = "bits", .to_the_right = true},
        {.heading = "levels", .to_the_right = true},
        {.heading = "relative", .to_the_right = true},
        {.heading = "RTN's", .to_the_right = true, .width = 8}};
    if (held_out) columns.push_back({.heading = "held-out", .to_the_right = true});
    if (cumulative) columns.push_back({.heading = "cumulative", .to_the_right = true});
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
        if (cumulative) cells.push_back(format_number(layer.cumulative_error, 5));
        cells.push_back(format_number(layer.sqnr_db, 2));
        table.add(std::move(cells));
    }
    return text + table.text() + rest_of(order.size(), shown);
}

Json size_json(const RunRecord& run) {
    const ModelSize& size = run.model_size;
    const Figure& bits = *find_figure("average_bits_with_scales");
    return {{"float_bytes", size.float_bytes},
            {"quantized_bytes", run.layers.empty() ? Json(nullptr) : Json(size.quantized_bytes)},
            {bits.name, figure_number(bits, bits.value(run))}};
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

Json evaluation_json(const std::optional<EvaluationRecord>& record) {
    if (!record) return nullptr;
    return {{"top1", with_decimals(record->top1, 2)},
            {"top1_standard_error", with_decimals(record->top1_standard_error, 2)},
            {"top5", with_decimals(record->top5, 2)},
            {"images", record->images}};
}

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

/** Those whose quantization alone moves the predictions most; empty where that is not known. */
std::string most_sensitive(const RunRecord& run) {
    std::vector<SensitivityRecord> records = run.sensitivities;
    if (records.empty()) return "";
    const auto least = std::ranges::min_element(records, {}, &SensitivityRecord::bits)->bits;
    std::erase_if(records, [&](const SensitivityRecord& record) { return record.bits != least; });
    std::ranges::stable_sort(records, std::greater<>(), &SensitivityRecord::kl);
    records.resize(std::min(worst_layers_shown, records.size()));
    std::size_t width = 0;
    for (const auto& record : records) width = std::max(width, display_width(record.unit));
    width = std::min<std::size_t>(width, screen_columns - 40);
    std::string text =
        fmt::format("  most sensitive: KL of the predictions with that alone at {} bits\n", least);
    for (const auto& record : records) {
        text +=
            fmt::format("    {}  {} ± {}\n", padded(cut(record.unit, width), width),
                        format_number(record.kl, 4), format_number(record.kl_standard_error, 4));
    }
    return text;
}

std::string labelled(const std::string& label, const std::string& value) {
    constexpr std::size_t indent = 10;
    return padded("  " + label, indent) + wrapped(value, indent, screen_columns) + "\n";
}

}  // namespace

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
    return csv_text(columns, ordered_rows(columns, sort, network_order));
}

nlohmann::ordered_json run_json(const RunRecord& run, const std::string& origin,
                                std::string_view sort) {
    Json json{{"file", origin},
              {"identity", run.identity},
              {"full_precision", evaluation_json(run.full_precision)},
              {"quantized", evaluation_json(run.quantized)}};
    json.update(figures_json(run));
    json["sets"] = Json::array();
    for (const SetRecord& set : run.sets) {
        json["sets"].push_back({{"name", set.name},
                                {"evaluation_images", set.images},
                                {"full_precision", evaluation_json(set.full_precision)},
                                {"quantized", evaluation_json(set.quantized)}});
    }
    json["size"] = size_json(run);
    json["uses_labels"] = run.uses_labels;
    json["uses_gradients"] = run.uses_gradients;
    json["config"] = stored_config_json(run.config, origin);
    json["provenance"] = provenance_json(run.provenance);
    json["stages"] = Json::array();
    for (const StageRecord& stage : run.stages) {
        json["stages"].push_back(
            {{"name", stage.name}, {"seconds", with_digits(stage.seconds, significant_digits)}});
    }
    json["sensitivities"] = Json::array();
    const Columns sensitivities = columns_of(run.sensitivities);
    for (std::size_t i = 0; i < run.sensitivities.size(); ++i) {
        json["sensitivities"].push_back(row_json(sensitivities, i, significant_digits));
    }
    json["rounded_inputs"] = Json::array();
    for (const ActivationRecord& record : run.activations) {
        json["rounded_inputs"].push_back({{"layer", record.layer}, {"bits", record.bits}});
    }
    json["layers"] = Json::array();
    const Columns columns = columns_of(run.layers);
    for (const std::size_t i : ordered_rows(columns, sort, network_order)) {
        json["layers"].push_back(row_json(columns, i, significant_digits));
    }
    return json;
}

std::string closing_summary(const RunRecord& run, const std::string& file) {
    std::string text = "\n" + accuracy_table(run) + labelled("size", size_text(run));
    if (!run.activations.empty()) {
        text += fmt::format("  inputs of {} layers rounded to {} bits\n", run.activations.size(),
                            run.activations.front().bits);
    }
    text += worst_layers(run) + most_sensitive(run);
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
    const auto add_both = [&](const Evaluations& of) {
        add("full precision", of.full_precision);
        if (of.full_precision && of.quantized) text += ",";
        add("quantized", of.quantized);
    };
    add_both(run);
    for (const SetRecord& set : run.sets) {
        text += fmt::format("; on {}:", set.name);
        add_both(set);
    }
    return text + "\n";
}

std::string closing_json(const RunRecord& run, const std::string& file) {
    nlohmann::ordered_json line{
        {"file", file}, {"status", complete_status}, {"identity", run.identity}};
    line.update(figures_json(run));
    return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace comq
