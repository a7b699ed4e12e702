#include "experiment/trial_weight.hpp"

#include <mutex>
#include <utility>

#include "core/errors.hpp"
#include "device_descent/batched_descent.hpp"
#include "experiment/quantize_layer.hpp"
#include "quantization/method.hpp"

namespace comq {

TrialWeight::TrialWeight(const QuantizableLayer& layer, const QuantizedWeight& weight)
    : weight_(layer.weight().detach()), kept_(weight_.clone()) {
    auto levels = dequantize(weight);
    weight_.copy_(torch::from_blob(levels.data(), weight_.sizes()));
}

TrialWeight::~TrialWeight() { weight_.copy_(kept_); }

WeightsByWidth solve_at_widths(RunContext& context, StatisticsSource& source,
                               const std::vector<PlannedLayer>& layers, std::span<const int> widths,
                               const std::string& title) {
    const auto method = make_method(context.config.quantization, descent_on(context.device));
    WeightsByWidth solved;
    std::mutex mutex;
    const auto visit = [&](const PlannedLayer& planned, const LayerStatistics& statistics) {
        if (context.stop) throw Interrupted("interrupted in the stage {}", title);
        const QuantizableLayer& layer = *planned.entry.layer;
        const auto weight = host_weight(layer);
        std::vector<QuantizedWeight> at_widths;
        for (const int bits : widths.empty() ? std::span(&planned.bits, 1) : widths) {
            at_widths.push_back(
                solve_layer(*method, layer.name(), view_of(weight, layer), statistics, bits)
                    .weight);
        }
        const std::scoped_lock lock(mutex);
        solved[layer.name()] = std::move(at_widths);
    };
    source.for_each(layers, {.stage = title, .progress = title, .visit = visit, .again = true});
    return solved;
}

}  // namespace comq
