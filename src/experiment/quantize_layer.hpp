#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "experiment/layer_plan.hpp"
#include "quantization/method.hpp"
#include "results/run_record.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/** The weight of `layer` on the CPU in fp32, contiguous; and that tensor as [out, m]. */
torch::Tensor host_weight(const QuantizableLayer& layer);
MatrixView<const float> view_of(const torch::Tensor& weight, const QuantizableLayer& layer);

/** What quantizes a layer whose float weight is `weight` [out, m]. */
using LayerSolver = std::function<Solution(MatrixView<const float> weight)>;

/**
 * Quantizes one layer with `solve` and measures it. `round_to_nearest` gives the error that is
 * reported beside the method's own. All errors are on plain full-precision rows.
 */
LayerRecord quantize_layer(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const LayerSolver& solve, const Method& round_to_nearest);

/** What quantizes the layers of a run, and what each is compared with. */
struct LayerMethods {
    LayerMethods(const QuantizationConfig& config, torch::Device device);

    std::unique_ptr<Method> chosen;
    std::unique_ptr<Method> round_to_nearest;  ///< on the grid before any search or clipping
};

/** The same with a method that solves from `statistics`. */
LayerRecord quantize_layer(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const Method& method, const Method& round_to_nearest);

/** ‖X(W − Wq)‖_F / ‖XW‖_F of one layer as `method` quantizes it at each of `bits`. */
std::vector<double> relative_errors(const PlannedLayer& planned, const LayerStatistics& statistics,
                                    const Method& method, std::span<const int> bits);

/** Replaces the weight of `layer` by the one that `record` describes. */
void install_weight(Observable& layer, const LayerRecord& record);

/**
 * Size of the network with the layers of `records` packed: codes at their bits, scales and zero
 * points as floats, every other parameter and buffer as it is.
 */
ModelSize measure_size(const Network& network, const std::vector<LayerRecord>& records);

}  // namespace comq
