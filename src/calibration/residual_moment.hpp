#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"
#include "passes/side_by_side.hpp"
#include "statistics/cross_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Sums (R − R̃)ᵀX̃ of a layer whose output is added to a residual stream: X̃ are its rows in the
 * partly quantized network, R and R̃ the streams there and in the full-precision network, in units
 * of its output. One collector serves all threads; the sum does not depend on their order.
 */
class ResidualMomentCollector {
  public:
    explicit ResidualMomentCollector(const QuantizableLayer& layer, int64_t parts = 1);

    /**
     * Adds one call with a batch. `row_weight` is [groups · parts, N] where rows are weighted. The
     * streams must lie as the layer's outputs do.
     */
    void add(const SummedPair& seen, const torch::Tensor& row_weight = {});

    /**
     * Moves the sum into `statistics`. Throws InputError naming the layer when a stream was NaN or
     * infinite.
     */
    void take(LayerStatistics& statistics);

  private:
    const QuantizableLayer& layer_;
    int64_t parts_;  ///< of a group's outputs (output_parts), each a group of the sum
    CrossAccumulator moment_;
};

}  // namespace comq
