#include "results/run_record.hpp"

namespace comq {

std::string_view name_of(RunStatus status) {
    switch (status) {
        case RunStatus::complete:
            return "complete";
        case RunStatus::partial:
            return "partial";
        case RunStatus::gate_failed:
            return "gate_failed";
    }
    return "";
}

double mean_squared_relative_error(const std::vector<LayerRecord>& layers) {
    double sum = 0.0;
    for (const auto& layer : layers) sum += layer.relative_error * layer.relative_error;
    return layers.empty() ? not_measured : sum / static_cast<double>(layers.size());
}

}  // namespace comq
