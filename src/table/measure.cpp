#include "table/measure.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace comq {

namespace {

Measurement percentage(double percent, int64_t images) {
    const double share = percent / 100;
    return {percent, 100 * std::sqrt(share * (1 - share) / static_cast<double>(images))};
}

}  // namespace

const std::vector<MeasureInfo>& measures() {
    static const std::vector<MeasureInfo> all{
        {Measure::top1, "top1", true, false, 2},
        {Measure::top5, "top5", true, false, 2},
        {Measure::agreement, "agreement", true, false, 2},
        {Measure::full_precision, "full_precision", true, false, 2},
        {Measure::squared_error, "mean_squared_relative_error", false, false, 5},
        {Measure::heldout_squared_error, "mean_squared_heldout_error", false, false, 4},
        {Measure::average_bits, "average_bits", false, false, 2},
        {Measure::calibration_seconds, "calibration_seconds", false, true, 2},
        {Measure::solve_seconds, "solve_seconds", false, true, 2},
        {Measure::total_seconds, "total_seconds", false, true, 2},
    };
    return all;
}

const MeasureInfo& info_of(Measure measure) {
    const auto found = std::ranges::find(measures(), measure, &MeasureInfo::measure);
    COMQ_CHECK(found != measures().end());
    return *found;
}

std::optional<Measurement> measured(Measure measure, const RunRecord& run) {
    const auto of = [](double value) -> std::optional<Measurement> {
        if (std::isnan(value)) return std::nullopt;
        return Measurement{value, not_measured};
    };
    switch (measure) {
        case Measure::full_precision:
            if (!run.full_precision) return std::nullopt;
            return percentage(run.full_precision->top1, run.full_precision->images);
        case Measure::top1:
            if (!run.quantized) return std::nullopt;
            return percentage(run.quantized->top1, run.quantized->images);
        case Measure::top5:
            if (!run.quantized) return std::nullopt;
            return percentage(run.quantized->top5, run.quantized->images);
        case Measure::agreement:
            if (!run.agreement || !run.quantized) return std::nullopt;
            return percentage(*run.agreement, run.quantized->images);
        case Measure::squared_error:
            return of(mean_squared_relative_error(run.layers));
        case Measure::heldout_squared_error:
            return of(mean_squared_heldout_error(run.layers));
        case Measure::average_bits:
            if (run.layers.empty()) return std::nullopt;
            return of(run.model_size.average_bits_with_scales);
        case Measure::calibration_seconds:
            return of(stage_seconds(run, "calibrate"));
        case Measure::solve_seconds:
            return of(stage_seconds(run, "solve"));
        case Measure::total_seconds:
            return of(stage_seconds(run));
    }
    return std::nullopt;
}

Measurement mean_of(const std::vector<Measurement>& runs) {
    COMQ_CHECK(!runs.empty());
    if (runs.size() == 1) return runs.front();
    const auto count = static_cast<double>(runs.size());
    double mean = 0;
    for (const auto& run : runs) mean += run.value / count;
    double squares = 0;
    for (const auto& run : runs) squares += (run.value - mean) * (run.value - mean);
    return {mean, std::sqrt(squares / (count - 1) / count)};
}

}  // namespace comq
