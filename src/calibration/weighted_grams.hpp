#pragma once

#include "torch_bridge/torch.hpp"

#include <deque>
#include <vector>

#include "core/communicator.hpp"
#include "networks/layers.hpp"
#include "statistics/gram_accumulator.hpp"

namespace comq {

/**
 * Into how many parts of one length each of a layer's groups of output channels is cut, each with
 * rows weighted by its own gradients: as many as there can be, up to `wanted`.
 */
int64_t output_parts(const QuantizableLayer& layer, int64_t wanted);

/**
 * Sums Σ_t w_pt·x_t·x_tᵀ of the rows of one layer for each part p of its output channels, in no
 * order of the batches; a group's parts are neighbours.
 */
class WeightedGrams {
  public:
    /** Of rows of `order` entries. */
    WeightedGrams(int64_t order, int64_t groups, int64_t parts);

    /** Adds `rows` [groups, N, order], which count by `weight` [groups · parts, N]. Thread-safe. */
    void add(const torch::Tensor& rows, const torch::Tensor& weight);

    /** Adds up the sums over all ranks, at `owner`; every rank calls it. */
    void sum_at(Communicator& ranks, int owner);
    /** True when every diagonal entry is finite. */
    bool finite() const;
    /** A triangle for each part of each group; spent afterwards. */
    std::vector<PackedTriangle> take();

  private:
    int64_t groups_;
    std::deque<GramAccumulator> sums_;  ///< of all groups, for each part
};

}  // namespace comq
