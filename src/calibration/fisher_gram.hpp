#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "calibration/gram_accumulator.hpp"
#include "calibration/statistics.hpp"
#include "core/random.hpp"
#include "models/network.hpp"

namespace comq {

/** How rows of X are weighted by what their outputs mean to the network. */
struct FisherWeighting {
    double power = 0.5;  ///< of the mean squared gradient
    double share = 0.9;  ///< of the weighted Gram in the mixture with the plain one
    uint64_t seed = 0;   ///< of the labels that are drawn
};

/**
 * Sums Σ_t w_t·x_t·x_tᵀ of the inputs of chosen layers, where w_t = (mean over the layer's outputs
 * of the squared gradient at row t)^power, the gradient being that of the cross-entropy to a label
 * drawn from the network's own prediction. With power 1 that is the diagonal of the Fisher
 * information of the outputs; no true label is read. Which label an image gets depends on the seed
 * and its index alone, and the sums do not depend on the order of the batches.
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
    class BatchTaps;
    void add_rows(const QuantizableLayer& layer, const torch::Tensor& input,
                  const torch::Tensor& gradient);
    torch::Tensor drawn_labels(const torch::Tensor& logits, std::span<const int64_t> images) const;

    FisherWeighting weighting_;
    RandomStream labels_;
    std::unordered_map<const QuantizableLayer*, std::unique_ptr<LayerSums>> sums_;
};

}  // namespace comq
