#include "sweep/collect_points.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>

#include "config/value_types.hpp"
#include "core/errors.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "results/columns.hpp"
#include "results/figures.hpp"
#include "results/run_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

struct FinishedPoint {
    const Point* point;
    ConfigValues config;
    RunRecord run;
};

/** "null" for a key that the method of the point does not read. */
std::string value_of(const ConfigValues& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? "null" : found->second;
}

/** Keys whose values differ between points that read them, in the order of the schema. */
std::vector<KeyInfo> varying_keys(const PointSet& sweep, const std::vector<ConfigValues>& configs) {
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
Column::Values typed(const std::vector<std::string>& texts) {
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

std::vector<std::string> texts_of(const std::vector<FinishedPoint>& finished,
                                  std::string Point::*text) {
    std::vector<std::string> texts;
    for (const auto& row : finished) texts.push_back(row.point->*text);
    return texts;
}

Columns point_columns(const std::vector<FinishedPoint>& finished,
                      const std::vector<KeyInfo>& varying) {
    Columns columns;
    columns.push_back(
        {"point", "", "identity of the point, name of its file", texts_of(finished, &Point::id)});
    columns.push_back({"label", "", "what varies, in short", texts_of(finished, &Point::label)});
    for (const auto& info : varying) {
        std::vector<std::string> texts;
        for (const auto& row : finished) texts.push_back(value_of(row.config, info.key));
        columns.push_back({info.key, info.unit, info.meaning, typed(texts)});
    }
    for (const Figure& figure : figure_columns()) {
        std::vector<double> values;
        for (const auto& row : finished) values.push_back(figure.value(row.run));
        columns.push_back({figure.name, figure.unit, figure.description, std::move(values)});
    }
    return columns;
}

Columns layer_table(const std::vector<FinishedPoint>& finished) {
    std::vector<LayerRecord> layers;
    std::vector<std::string> ids;
    for (const auto& row : finished) {
        layers.insert(layers.end(), row.run.layers.begin(), row.run.layers.end());
        ids.insert(ids.end(), row.run.layers.size(), row.point->id);
    }
    std::vector<int64_t> numbers(layers.size());
    std::iota(numbers.begin(), numbers.end(), int64_t{0});
    Columns columns{{"row", "1", "number of the row", std::move(numbers)},
                    {"point", "", "identity of the point", std::move(ids)}};
    std::ranges::move(columns_of(layers), std::back_inserter(columns));
    return columns;
}

}  // namespace

SweepTable collect_points(const PointSet& sweep) {
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
    table.sweep = sweep.name;
    table.sweep_runs = sweep.runs();
    table.rows = finished.size();
    table.points = point_columns(finished, varying_keys(sweep, configs));
    table.layers = layer_table(finished);
    return table;
}

}  // namespace comq
