#include "results/run_record.hpp"

namespace comq {

double mean_squared_relative_error(const std::vector<LayerRecord>& layers) {
    double sum = 0.0;
    for (const auto& layer : layers) sum += layer.relative_error * layer.relative_error;
    return layers.empty() ? not_measured : sum / static_cast<double>(layers.size());
}

}  // namespace comq
