#include "results/figures.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "accuracy/estimate.hpp"

namespace comq {

namespace {

constexpr char set_mark = '@';
constexpr const char* error_ending = "_standard_error";

using Evaluation = std::optional<EvaluationRecord> Evaluations::*;

template <Evaluation network, double EvaluationRecord::*number>
double evaluated(const Evaluations& of) {
    return of.*network ? (*(of.*network)).*number : not_measured;
}

double agreement_of(const Evaluations& of) { return of.agreement.value_or(not_measured); }

/** 100·√(p(1 − p)/n) of a share p of the n evaluation images, in percent as `percent` is. */
template <double (*percent)(const Evaluations&)>
double binomial_error(const Evaluations& of) {
    if (!of.quantized) return not_measured;
    const double share = percent(of) / 100;
    return 100 * std::sqrt(share * (1 - share) / static_cast<double>(of.quantized->images));
}

/** Mean of a column over the layers, or of its squares; NaN where a layer has no value. */
template <double LayerRecord::*column, bool squared>
double mean_over_layers(const RunRecord& run) {
    double sum = 0.0;
    for (const LayerRecord& layer : run.layers) {
        sum += squared ? layer.*column * (layer.*column) : layer.*column;
    }
    return run.layers.empty() ? not_measured : sum / static_cast<double>(run.layers.size());
}

double code_bits(const RunRecord& run) {
    double bits = 0.0;
    double weights = 0.0;
    for (const LayerRecord& layer : run.layers) {
        const auto count = static_cast<double>(layer.in_features * layer.out_features);
        bits += count * static_cast<double>(layer.bits);
        weights += count;
    }
    return weights > 0.0 ? bits / weights : not_measured;
}

double bits_with_scales(const RunRecord& run) {
    return run.layers.empty() ? not_measured : run.model_size.average_bits_with_scales;
}

/**
 * Seconds of the stages named `stage`, or of all when it is empty; a stage may have several parts.
 * NaN where there is none: the run took the work from a cache, or an earlier process of it had done
 * it.
 */
double stage_seconds(const RunRecord& run, std::string_view stage) {
    double seconds = 0.0;
    bool found = false;
    for (const StageRecord& record : run.stages) {
        if (!stage.empty() && record.name != stage) continue;
        seconds += record.seconds;
        found = true;
    }
    return found ? seconds : not_measured;
}

/** Of the divergences of predictions from the full-precision ones, over the evaluation images. */
template <Estimate (*estimate)(std::span<const double>), double Estimate::*part>
double of_divergences(const Evaluations& of) {
    return of.quantized ? estimate(of.quantized->kl).*part : not_measured;
}

Estimate median_of(std::span<const double> values) { return quantile_of(values, 0.5); }
Estimate high_quantile_of(std::span<const double> values) { return quantile_of(values, 0.95); }

/** The entry of a figure of the divergences. */
template <Estimate (*of)(std::span<const double>)>
Figure divergence_figure(const char* name, const char* heading, const char* description) {
    return {name,
            heading,
            "nat",
            description,
            4,
            false,
            of_divergences<of, &Estimate::value>,
            of_divergences<of, &Estimate::standard_error>};
}

constexpr auto top5 = evaluated<&Evaluations::quantized, &EvaluationRecord::top5>;

/** On a screen a set has room for its Top-1 and its divergence. */
Figure figure_of_set(const Figure& figure, const std::string& set) {
    Figure result = figure;
    result.name += set_mark + set;
    const bool shown = figure.name == "top1" || figure.name == "kl";
    result.heading = shown ? figure.heading + " " + set : "";
    result.description += " on the set " + set;
    result.set = set;
    return result;
}

}  // namespace

double Figure::number(const Value& value, const RunRecord& run) const {
    if (const auto* of_run = std::get_if<double (*)(const RunRecord&)>(&value)) {
        return (*of_run)(run);
    }
    const auto* of_predictions = std::get_if<double (*)(const Evaluations&)>(&value);
    if (of_predictions == nullptr) return not_measured;
    if (set.empty()) return (*of_predictions)(run);
    const auto found = std::ranges::find(run.sets, set, &SetRecord::name);
    return found == run.sets.end() ? not_measured : (*of_predictions)(*found);
}

const std::vector<Figure>& figures() {
    using Run = RunRecord;
    using On = Evaluations;
    using Images = EvaluationRecord;
    using Layer = LayerRecord;
    constexpr bool higher = true, lower = false, before = true;
    static const std::vector<Figure> list{
        {"full_precision_top1", "full %", "percent", "Top-1 of the full-precision network", 2,
         higher, evaluated<&On::full_precision, &Images::top1>,
         evaluated<&On::full_precision, &Images::top1_standard_error>, before},
        {"top1", "Top-1 %", "percent", "Top-1 of the quantized network", 2, higher,
         evaluated<&On::quantized, &Images::top1>,
         evaluated<&On::quantized, &Images::top1_standard_error>},
        {"top5", "", "percent", "Top-5 of the quantized network", 2, higher, top5,
         binomial_error<top5>},
        {"agreement", "agreement", "percent", "images that both networks put into the same class",
         2, higher, agreement_of, binomial_error<agreement_of>},
        divergence_figure<mean_of>("kl", "KL",
                                   "mean over images of KL(full precision || quantized)"),
        divergence_figure<median_of>("kl_median", "", "median over images of the same"),
        divergence_figure<high_quantile_of>("kl_95", "", "95% of the images have less of the same"),
        divergence_figure<largest_of>("kl_largest", "", "the same of the image with most"),
        {"mean_squared_relative_error", "error^2", "1",
         "mean over layers of (||X(W-Wq)||_F / ||XW||_F)^2", 5, lower,
         mean_over_layers<&Layer::relative_error, true>},
        {"mean_squared_heldout_error", "held-out^2", "1", "the same on held-out images", 4, lower,
         mean_over_layers<&Layer::heldout_relative_error, true>},
        {"mean_heldout_relative_error", "", "1",
         "mean over layers of ||X(W-Wq)||_F / ||XW||_F on held-out images", 4, lower,
         mean_over_layers<&Layer::heldout_relative_error, false>},
        {"average_code_bits", "", "bit", "bits of the code of a quantized weight, on average", 2,
         lower, code_bits},
        {"average_bits_with_scales", "bits", "bit",
         "bits of a quantized weight, its share of scales in", 2, lower, bits_with_scales},
        {"calibration_seconds", "", "s", "wall-clock time of summing the statistics of layers", 2,
         lower, [](const Run& run) { return stage_seconds(run, "calibrate"); }},
        {"solve_seconds", "solving", "s", "wall-clock time of quantizing all layers", 2, lower,
         [](const Run& run) { return stage_seconds(run, "solve"); }},
        {"seconds", "time", "s", "wall-clock time of all stages", 2, lower,
         [](const Run& run) { return stage_seconds(run, ""); }},
    };
    return list;
}

std::vector<Figure> figures_with(const std::vector<std::string>& sets) {
    std::vector<Figure> all = figures();
    for (const std::string& set : sets) {
        for (const Figure& figure : figures()) {
            if (figure.of_predictions()) all.push_back(figure_of_set(figure, set));
        }
    }
    return all;
}

const Figure* find_figure(std::string_view name) {
    const auto mark = name.find(set_mark);
    const auto found = std::ranges::find(figures(), name.substr(0, mark), &Figure::name);
    if (found == figures().end()) return nullptr;
    if (mark == std::string_view::npos) return &*found;
    const std::string set(name.substr(mark + 1));
    if (set.empty() || set.ends_with(error_ending) || !found->of_predictions()) return nullptr;
    static std::mutex mutex;
    static std::map<std::string, Figure, std::less<>> of_sets;
    const std::lock_guard lock(mutex);
    const auto known = of_sets.find(name);
    if (known != of_sets.end()) return &known->second;
    return &of_sets.emplace(name, figure_of_set(*found, set)).first->second;
}

std::vector<Figure> figure_columns(const std::vector<std::string>& sets) {
    std::vector<Figure> all;
    for (const Figure& figure : figures_with(sets)) {
        all.push_back(figure);
        if (!figure.has_error()) continue;
        all.push_back({figure.name + error_ending,
                       "",
                       figure.unit,
                       "standard error of " + figure.name,
                       figure.digits,
                       false,
                       figure.error_of,
                       {},
                       false,
                       figure.set});
    }
    return all;
}

std::vector<std::string> set_names(const RunRecord& run) {
    std::vector<std::string> names;
    for (const SetRecord& set : run.sets) names.push_back(set.name);
    return names;
}

}  // namespace comq
