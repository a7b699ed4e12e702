#include "results/run_record.hpp"

namespace comq {

namespace {

/** Of a value of each layer; NaN without layers. */
template <typename Value>
double mean_over(const std::vector<LayerRecord>& layers, Value&& value) {
    double sum = 0.0;
    for (const auto& layer : layers) sum += value(layer);
    return layers.empty() ? not_measured : sum / static_cast<double>(layers.size());
}

}  // namespace

double mean_squared_relative_error(const std::vector<LayerRecord>& layers) {
    return mean_over(layers, [](const LayerRecord& layer) {
        return layer.relative_error * layer.relative_error;
    });
}

double mean_squared_heldout_error(const std::vector<LayerRecord>& layers) {
    return mean_over(layers, [](const LayerRecord& layer) {
        return layer.heldout_relative_error * layer.heldout_relative_error;
    });
}

double mean_heldout_relative_error(const std::vector<LayerRecord>& layers) {
    return mean_over(layers, [](const LayerRecord& layer) { return layer.heldout_relative_error; });
}

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

}  // namespace comq
