#include "results/figures.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace comq {

namespace {

using Evaluation = std::optional<EvaluationRecord> RunRecord::*;

constexpr Evaluation full_precision = &RunRecord::full_precision;
constexpr Evaluation quantized = &RunRecord::quantized;

template <Evaluation network, double EvaluationRecord::*number>
double evaluated(const RunRecord& run) {
    return run.*network ? (*(run.*network)).*number : not_measured;
}

double agreement_of(const RunRecord& run) { return run.agreement.value_or(not_measured); }

/** 100·√(p(1 − p)/n) of a share p of the n evaluation images, in percent as `percent` is. */
template <double (*percent)(const RunRecord&)>
double binomial_error(const RunRecord& run) {
    if (!run.quantized) return not_measured;
    const double share = percent(run) / 100;
    return 100 * std::sqrt(share * (1 - share) / static_cast<double>(run.quantized->images));
}

double itself(double value) { return value; }
double squared(double value) { return value * value; }

/** Mean over the layers of a column; NaN without layers or where one has no value. */
template <double LayerRecord::*column, double (*transformed)(double)>
double mean_over_layers(const RunRecord& run) {
    double sum = 0.0;
    for (const LayerRecord& layer : run.layers) sum += transformed(layer.*column);
    return run.layers.empty() ? not_measured : sum / static_cast<double>(run.layers.size());
}

double average_code_bits(const RunRecord& run) {
    double bits = 0.0;
    double weights = 0.0;
    for (const LayerRecord& layer : run.layers) {
        const auto count = static_cast<double>(layer.in_features * layer.out_features);
        bits += count * static_cast<double>(layer.bits);
        weights += count;
    }
    return weights > 0.0 ? bits / weights : not_measured;
}

double average_bits_with_scales(const RunRecord& run) {
    return run.layers.empty() ? not_measured : run.model_size.average_bits_with_scales;
}

/**
 * Seconds of the stages named `stage`, or of all when it is empty; a stage may have several parts.
 * NaN where there is none: the run took the work from a cache, or an earlier process of it had done
 * it.
 */
double stage_seconds(const RunRecord& run, std::string_view stage = "") {
    double seconds = 0.0;
    bool found = false;
    for (const StageRecord& record : run.stages) {
        if (!stage.empty() && record.name != stage) continue;
        seconds += record.seconds;
        found = true;
    }
    return found ? seconds : not_measured;
}

}  // namespace

const std::vector<Figure>& figures() {
    using Evaluated = EvaluationRecord;
    using Layer = LayerRecord;
    constexpr auto top5 = evaluated<quantized, &Evaluated::top5>;
    static const std::vector<Figure> list{
        {.name = "full_precision_top1",
         .heading = "full %",
         .unit = "percent",
         .description = "Top-1 of the full-precision network",
         .higher_is_better = true,
         .before_quantization = true,
         .value = evaluated<full_precision, &Evaluated::top1>,
         .standard_error = evaluated<full_precision, &Evaluated::top1_standard_error>},
        {.name = "top1",
         .heading = "Top-1 %",
         .unit = "percent",
         .description = "Top-1 of the quantized network",
         .higher_is_better = true,
         .value = evaluated<quantized, &Evaluated::top1>,
         .standard_error = evaluated<quantized, &Evaluated::top1_standard_error>},
        {.name = "top5",
         .heading = "",
         .unit = "percent",
         .description = "Top-5 of the quantized network",
         .higher_is_better = true,
         .value = top5,
         .standard_error = binomial_error<top5>},
        {.name = "agreement",
         .heading = "agreement",
         .unit = "percent",
         .description = "images on which both networks predict the same class",
         .higher_is_better = true,
         .value = agreement_of,
         .standard_error = binomial_error<agreement_of>},
        {.name = "mean_squared_relative_error",
         .heading = "error^2",
         .unit = "1",
         .description = "mean over layers of (||X(W-Wq)||_F / ||XW||_F)^2",
         .digits = 5,
         .value = mean_over_layers<&Layer::relative_error, squared>},
        {.name = "mean_squared_heldout_error",
         .heading = "held-out^2",
         .unit = "1",
         .description = "the same on held-out images",
         .digits = 4,
         .value = mean_over_layers<&Layer::heldout_relative_error, squared>},
        {.name = "mean_heldout_relative_error",
         .heading = "",
         .unit = "1",
         .description = "mean over layers of ||X(W-Wq)||_F / ||XW||_F on held-out images",
         .digits = 4,
         .value = mean_over_layers<&Layer::heldout_relative_error, itself>},
        {.name = "average_code_bits",
         .heading = "",
         .unit = "bit",
         .description = "bits of the code of a quantized weight, on average",
         .value = average_code_bits},
        {.name = "average_bits_with_scales",
         .heading = "bits",
         .unit = "bit",
         .description = "bits of a quantized weight, its share of scales in",
         .value = average_bits_with_scales},
        {.name = "calibration_seconds",
         .heading = "",
         .unit = "s",
         .description = "wall-clock time of summing the statistics of layers",
         .value = [](const RunRecord& run) { return stage_seconds(run, "calibrate"); }},
        {.name = "solve_seconds",
         .heading = "solving",
         .unit = "s",
         .description = "wall-clock time of quantizing all layers",
         .value = [](const RunRecord& run) { return stage_seconds(run, "solve"); }},
        {.name = "seconds",
         .heading = "time",
         .unit = "s",
         .description = "wall-clock time of all stages",
         .value = [](const RunRecord& run) { return stage_seconds(run); }},
    };
    return list;
}

const Figure* find_figure(std::string_view name) {
    const auto found = std::ranges::find(figures(), name, &Figure::name);
    return found == figures().end() ? nullptr : &*found;
}

const std::vector<Figure>& figure_columns() {
    static const std::vector<Figure> columns = [] {
        std::vector<Figure> all;
        for (const Figure& figure : figures()) {
            all.push_back(figure);
            if (figure.standard_error == nullptr) continue;
            all.push_back({.name = figure.name + "_standard_error",
                           .heading = "",
                           .unit = figure.unit,
                           .description = "binomial standard error of " + figure.name,
                           .digits = figure.digits,
                           .value = figure.standard_error});
        }
        return all;
    }();
    return columns;
}

}  // namespace comq
