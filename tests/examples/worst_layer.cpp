#include "examples/worst_layer.hpp"

#include <algorithm>

namespace comq {

namespace {

double worst_relative_error(const RunRecord& run) {
    double worst = run.layers.empty() ? not_measured : 0.0;
    for (const LayerRecord& layer : run.layers) worst = std::max(worst, layer.relative_error);
    return worst;
}

}  // namespace

const Figure worst_layer_figure{
    "worst_relative_error", "worst", "1", "largest ||X(W-Wq)||_F / ||XW||_F of a layer", 4, false,
    worst_relative_error};

}  // namespace comq
