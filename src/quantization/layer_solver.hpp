#pragma once

#include <span>
#include <string>

#include "core/matrix.hpp"
#include "quantization/method.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Quantizes a whole layer. The groups of a grouped convolution are problems of their own: group g
 * has the g-th run of out/groups output channels and the g-th triangle of the Gram. `weight` is
 * [out, m] with m = inputs of one group (a convolution's weight flattened). Where there is a
 * weighted Gram, it takes the place of the plain one. Groups run in parallel. `input_change` has
 * GroupProblem::input_change of each group, or is empty. Throws what Method::solve throws.
 */
Solution solve_layer(const Method& method, const std::string& layer, MatrixView<const float> weight,
                     const LayerStatistics& statistics, int bits,
                     std::span<const Matrix<double>> input_change = {});

}  // namespace comq
