#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "calibration/row_weights.hpp"
#include "networks/network.hpp"
#include "statistics/gram_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Sums Σ_t w_t·x_t·x_tᵀ of the inputs of chosen layers (row_weights.hpp). The sums do not depend on
 * the order of the batches.
 */
class FisherCollector {
  public:
    FisherCollector(const std::vector<Network::LayerEntry>& layers,
                    const FisherWeighting& weighting);

    /** A forward and a backward pass of `pixels` [B, 3, H, W]; `images` are their indices. */
    void add(const Network& network, const torch::Tensor& pixels, std::span<const int64_t> images);

    /** Adds up the sums of `layer` over all ranks, at `owner`; every rank calls it. */
    void sum_at(const QuantizableLayer& layer, Communicator& ranks, int owner);

    /**
     * Moves the sum of `layer` into statistic::weighted_gram, its weights scaled to a mean of 1
     * and mixed with statistic::gram, which must be there already. Where every gradient is 0, that
     * is the plain Gram. Throws InputError naming the layer when a gradient was NaN or infinite.
     */
    void take(const QuantizableLayer& layer, LayerStatistics& statistics);

  private:
    struct LayerSums {
        explicit LayerSums(const QuantizableLayer& layer);
        GramAccumulator gram;
        GramAccumulator weight;  ///< Σ_t w_t, of order 1
    };
    void add_rows(const QuantizableLayer& layer, const torch::Tensor& input,
                  const torch::Tensor& weight);

    FisherWeighting weighting_;
    std::unordered_map<const QuantizableLayer*, std::unique_ptr<LayerSums>> sums_;
};

}  // namespace comq
