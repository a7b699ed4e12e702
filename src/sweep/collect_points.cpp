#include "sweep/collect_points.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include "config/value_types.hpp"
#include "core/errors.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "results/layer_columns.hpp"
#include "results/run_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

struct FinishedPoint {
    const SweepPoint* point;
    ConfigValues config;
    RunRecord run;
};

/** "null" for a key that the method of the point does not read. */
std::string value_of(const ConfigValues& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? "null" : found->second;
}

/** Keys whose values differ between points that read them, in the order of the schema. */
std::vector<KeyInfo> varying_keys(const Sweep& sweep, const std::vector<ConfigValues>& configs) {
    std::vector<KeyInfo> varying;
    for (const auto& info : experiment_schema().keys()) {
        if (info.key == "output.file") continue;
        std::set<std::string> different;
        for (const ConfigValues& values : configs) {
            if (values.contains(info.key)) different.insert(values.at(info.key));
        }
        const bool differs = different.size() > 1;
        const bool named = std::ranges::find(sweep.varied, info.key) != sweep.varied.end();
        if (differs || named) varying.push_back(info);
    }
    return varying;
}

/** Integers where all are, else numbers (null: NaN), else texts. */
TableColumn::Values typed(const std::vector<std::string>& texts) {
    std::vector<int64_t> integers;
    std::vector<double> reals;
    for (const auto& text : texts) {
        if (const auto integer = parse_number<int64_t>(text)) integers.push_back(*integer);
        if (const auto real = parse_number<double>(text)) {
            reals.push_back(*real);
        } else if (text == "null") {
            reals.push_back(not_measured);
        }
    }
    if (integers.size() == texts.size()) return integers;
    const bool any_number =
        std::ranges::any_of(reals, [](double value) { return !std::isnan(value); });
    if (reals.size() == texts.size() && any_number) return reals;
    return texts;
}

/** Figures that are shown of each run, whatever varies. */
struct Figure {
    const char* name;
    const char* units;
    const char* description;
    double (*value)(const RunRecord&);
};

double top1_of(const std::optional<EvaluationRecord>& evaluation) {
    return evaluation ? evaluation->top1 : not_measured;
}

const std::vector<Figure>& figures() {
    static const std::vector<Figure> list{
        {"full_precision_top1", "percent", "Top-1 of the full-precision network",
         [](const RunRecord& run) { return top1_of(run.full_precision); }},
        {"top1", "percent", "Top-1 of the quantized network",
         [](const RunRecord& run) { return top1_of(run.quantized); }},
        {"top1_standard_error", "percent", "binomial standard error of top1",
         [](const RunRecord& run) {
             return run.quantized ? run.quantized->top1_standard_error : not_measured;
         }},
        {"top5", "percent", "Top-5 of the quantized network",
         [](const RunRecord& run) { return run.quantized ? run.quantized->top5 : not_measured; }},
        {"agreement", "percent", "images on which both networks predict the same class",
         [](const RunRecord& run) { return run.agreement.value_or(not_measured); }},
        {"mean_squared_relative_error", "1", "mean over layers of (||X(W-Wq)||_F / ||XW||_F)^2",
         [](const RunRecord& run) { return mean_squared_relative_error(run.layers); }},
        {"mean_squared_heldout_error", "1", "the same on held-out images",
         [](const RunRecord& run) { return mean_squared_heldout_error(run.layers); }},
        {"mean_heldout_relative_error", "1",
         "mean over layers of ||X(W-Wq)||_F / ||XW||_F on held-out images",
         [](const RunRecord& run) { return mean_heldout_relative_error(run.layers); }},
        {"average_bits_with_scales", "bit", "bits of a quantized weight, its share of scales in",
         [](const RunRecord& run) {
             return run.layers.empty() ? not_measured : run.model_size.average_bits_with_scales;
         }},
        {"solve_seconds", "s", "wall-clock time of quantizing all layers",
         [](const RunRecord& run) { return stage_seconds(run, "solve"); }},
        {"seconds", "s", "wall-clock time of all stages",
         [](const RunRecord& run) { return stage_seconds(run); }},
    };
    return list;
}

std::vector<std::string> texts_of(const std::vector<FinishedPoint>& finished,
                                  std::string SweepPoint::*text) {
    std::vector<std::string> texts;
    for (const auto& row : finished) texts.push_back(row.point->*text);
    return texts;
}

std::vector<TableColumn> point_columns(const std::vector<FinishedPoint>& finished,
                                       const std::vector<KeyInfo>& varying) {
    std::vector<TableColumn> columns;
    columns.push_back({"point", "", "identity of the point, name of its file",
                       texts_of(finished, &SweepPoint::id)});
    columns.push_back(
        {"label", "", "what varies, in short", texts_of(finished, &SweepPoint::label)});
    for (const auto& info : varying) {
        std::vector<std::string> texts;
        for (const auto& row : finished) texts.push_back(value_of(row.config, info.key));
        columns.push_back({info.key, info.unit, info.meaning, typed(texts)});
    }
    for (const auto& measure : figures()) {
        std::vector<double> values;
        for (const auto& row : finished) values.push_back(measure.value(row.run));
        columns.push_back({measure.name, measure.units, measure.description, std::move(values)});
    }
    return columns;
}

std::vector<TableColumn> layer_table(const std::vector<FinishedPoint>& finished) {
    std::vector<std::string> ids;
    for (const auto& row : finished) ids.insert(ids.end(), row.run.layers.size(), row.point->id);
    std::vector<TableColumn> columns{{"point", "", "identity of the point", std::move(ids)}};
    for (const auto& column : layer_columns()) {
        std::visit(
            [&](auto field) {
                using Value = std::remove_cvref_t<decltype(std::declval<LayerRecord>().*field)>;
                std::vector<Value> values;
                for (const auto& row : finished) {
                    for (const auto& layer : row.run.layers) values.push_back(layer.*field);
                }
                columns.push_back(
                    {column.name, column.units, column.description, std::move(values)});
            },
            column.field);
    }
    return columns;
}

}  // namespace

SweepTable collect_points(const Sweep& sweep) {
    std::vector<ConfigValues> configs;
    std::vector<FinishedPoint> finished;
    for (const auto& point : sweep.points) {
        configs.push_back(resolved_values(point.config.config));
        if (point.same_as || !fs::exists(point.result())) continue;
        try {
            finished.push_back(
                {&point, configs.back(), read_run_file(point.result(), ReadScope::summary)});
        } catch (const Error& error) {
            spdlog::warn("left out: {}; delete the file to compute it again", error.what());
        }
    }
    SweepTable table;
    table.sweep = sweep.spec.name;
    table.sweep_runs = sweep.runs();
    table.rows = finished.size();
    table.points = point_columns(finished, varying_keys(sweep, configs));
    table.layers = layer_table(finished);
    return table;
}

}  // namespace comq
