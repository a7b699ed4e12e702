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

const Figure worst_layer_figure{.name = "worst_relative_error",
                                .heading = "worst",
                                .unit = "1",
                                .description = "largest ||X(W-Wq)||_F / ||XW||_F of a layer",
                                .digits = 4,
                                .value = worst_relative_error};

}  // namespace comq
