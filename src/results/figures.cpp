#include "results/figures.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "accuracy/estimate.hpp"

namespace comq {

namespace {

using Value = double (*)(const RunRecord&);
using Evaluation = std::optional<EvaluationRecord> RunRecord::*;

template <Evaluation network, double EvaluationRecord::*number>
double evaluated(const RunRecord& run) {
    return run.*network ? (*(run.*network)).*number : not_measured;
}

double agreement_of(const RunRecord& run) { return run.agreement.value_or(not_measured); }

/** 100·√(p(1 − p)/n) of a share p of the n evaluation images, in percent as `percent` is. */
template <Value percent>
double binomial_error(const RunRecord& run) {
    if (!run.quantized) return not_measured;
    const double share = percent(run) / 100;
    return 100 * std::sqrt(share * (1 - share) / static_cast<double>(run.quantized->images));
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
template <Estimate (*of)(std::span<const double>), double Estimate::*part>
double of_divergences(const RunRecord& run) {
    return run.quantized ? of(run.quantized->kl).*part : not_measured;
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

constexpr Value top5 = evaluated<&RunRecord::quantized, &EvaluationRecord::top5>;

}  // namespace

const std::vector<Figure>& figures() {
    using Run = RunRecord;
    using Images = EvaluationRecord;
    using Layer = LayerRecord;
    constexpr bool higher = true, lower = false, before = true;
    static const std::vector<Figure> list{
        {"full_precision_top1", "full %", "percent", "Top-1 of the full-precision network", 2,
         higher, evaluated<&Run::full_precision, &Images::top1>,
         evaluated<&Run::full_precision, &Images::top1_standard_error>, before},
        {"top1", "Top-1 %", "percent", "Top-1 of the quantized network", 2, higher,
         evaluated<&Run::quantized, &Images::top1>,
         evaluated<&Run::quantized, &Images::top1_standard_error>},
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
            all.push_back({figure.name + "_standard_error", "", figure.unit,
                           "standard error of " + figure.name, figure.digits, false,
                           figure.standard_error});
        }
        return all;
    }();
    return columns;
}

}  // namespace comq
