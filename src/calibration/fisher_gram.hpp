#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"
#include "statistics/gram_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Sums Σ_t w_t·x_t·x_tᵀ of the inputs of one layer (row_weights.hpp). The sums do not depend on the
 * order of the batches.
 */
class FisherCollector {
  public:
    explicit FisherCollector(const QuantizableLayer& layer);

    /** Adds the rows of `input`, which count by `weight`, `[groups, N]`. */
    void add(const torch::Tensor& input, const torch::Tensor& weight);

    /** Adds up the sums over all ranks, at `owner`; every rank calls it. */
    void sum_at(Communicator& ranks, int owner);

    /**
     * Moves the sum into statistic::weighted_gram, its weights scaled to a mean of 1 and given a
     * `share` of the mixture with statistic::gram, which must be there already. Where every
     * gradient is 0, that is the plain Gram. Throws InputError naming the layer when a gradient was
     * NaN or infinite.
     */
    void take(double share, LayerStatistics& statistics);

  private:
    const QuantizableLayer& layer_;
    GramAccumulator gram_;
    GramAccumulator weight_;  ///< Σ_t w_t, of order 1
};

}  // namespace comq
