#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "calibration/weighted_grams.hpp"
#include "networks/network.hpp"
#include "passes/activation_spool.hpp"
#include "passes/side_by_side.hpp"
#include "statistics/gram_accumulator.hpp"

namespace comq {

/** How rows of X are weighted by what their outputs mean to the network. */
struct RowWeighting {
    double power = 0.5;  ///< of the mean squared gradient
    double share = 0.9;  ///< of the weighted Gram in the mixture with the plain one
    uint64_t seed = 0;   ///< of the labels that are drawn
    int64_t parts = 1;   ///< of a layer's outputs, each with weights of its own (output_parts)
};

/** What a layer saw of one batch in one of its calls, and what the rows of that weigh. */
struct WeightedInput {
    const QuantizableLayer& layer;
    std::size_t call;  ///< from 0
    const torch::Tensor& input;
    const torch::Tensor& weight;       ///< [groups · parts, N]
    const torch::Tensor& gradient;     ///< of its outputs, in their shape
    const torch::Tensor& mean_square;  ///< of that in each row, [groups · parts, N]

    /** The gradient's rows r, each of length √|r|, or 0: [groups · parts, N, n / groups / parts].
     */
    torch::Tensor unit_gradient() const;
};
using RowWeightVisitor = std::function<void(const WeightedInput&)>;

/**
 * A forward and a backward pass of `pixels` [B, 3, H, W], whose images have the indices `images`;
 * calls `visit` once for each call of each of `layers`. The weight of row t is w_t = c·(mean over
 * the layer's outputs of the squared gradient at row t)^power, the gradient being that of the
 * cross-entropy to a label drawn from the network's own prediction and c the same for all rows and
 * layers. With power 1 that is the diagonal of the Fisher information of the outputs; no true label
 * is read. Which label an image gets depends on the seed and its index alone. No parameter gets a
 * gradient.
 */
void visit_row_weights(const Network& network, const std::vector<Network::LayerEntry>& layers,
                       const torch::Tensor& pixels, std::span<const int64_t> images,
                       const RowWeighting& weighting, const RowWeightVisitor& visit);

/** Sums Σ_t w_t·x_t·x_tᵀ of the inputs of one layer, in no order of the batches. */
class WeightedGramCollector {
  public:
    WeightedGramCollector(const QuantizableLayer& layer, const RowWeighting& weighting);

    /** Adds the rows of `input`, which count by `weight`, `[groups · parts, N]`. */
    void add(const torch::Tensor& input, const torch::Tensor& weight);

    /** Adds up the sums over all ranks, at `owner`; every rank calls it. */
    void sum_at(Communicator& ranks, int owner);

    /**
     * Moves the sum into statistic::weighted_gram, its weights scaled to a mean of 1 and given
     * their share of the mixture with statistic::gram, which must be there already. Where every
     * gradient is 0, that is the plain Gram. Throws InputError naming the layer when a gradient was
     * NaN or infinite.
     */
    void take(LayerStatistics& statistics);

  private:
    const QuantizableLayer& layer_;
    int64_t parts_;
    double share_;
    WeightedGrams gram_;
    GramAccumulator weight_;  ///< Σ_t w_t, of order 1
};

/** Sums Σ_t w_t·ĝ_t·ĝ_tᵀ over the rows of one layer, ĝ_t those of unit_gradient(), in no order. */
class OutputMetricCollector {
  public:
    OutputMetricCollector(const QuantizableLayer& layer, int64_t parts);

    void add(const WeightedInput& seen);
    /** For LayerStatistics::output_metric. Throws InputError naming the layer when a gradient was
     *  NaN or infinite. */
    std::vector<PackedTriangle> take();

  private:
    const QuantizableLayer& layer_;
    GramAccumulator metric_;
};

/**
 * The importance weights of the rows that layers are fitted to, taken from the full-precision
 * network before any layer is quantized and spooled to disk until each layer's turn comes.
 */
class RowImportance {
  public:
    /**
     * A forward and a backward pass of `network` over the fitted images of `walk`, which stands
     * before the first block, for the rows of `layers`; with `output_metric`, their gradients are
     * summed up as well. `spool` is created, and removed by the
     * destructor. Throws Interrupted, and InputError naming a layer with a NaN or infinite
     * gradient.
     */
    RowImportance(const Network& network, const std::vector<Network::LayerEntry>& layers,
                  const SideBySide& walk, const RowWeighting& weighting, bool output_metric,
                  std::filesystem::path spool);

    /** Of each group of the layer's outputs. */
    int64_t parts(const QuantizableLayer& layer) const { return output_parts(layer, parts_); }

    /** LayerStatistics::output_metric of a layer; only with `output_metric`. */
    const std::vector<PackedTriangle>& output_metric(const std::string& layer) const {
        return metrics_.at(layer);
    }

    /**
     * What the rows of one call of `layer` in a fitted `batch` count, [groups · parts, N] on the
     * CPU: its share of the weights, scaled to a mean of 1, and the rest for all alike.
     */
    torch::Tensor weight(const std::string& layer, std::size_t call, int64_t batch) const;

  private:
    double share_;
    int64_t parts_;
    ActivationSpool spool_;
    std::map<std::string, double> mean_;  ///< by layer
    std::map<std::string, std::vector<PackedTriangle>> metrics_;
};

}  // namespace comq
