#pragma once

#include "torch_bridge/torch.hpp"

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibration/weighted_grams.hpp"
#include "core/random.hpp"
#include "networks/layers.hpp"
#include "statistics/gram_accumulator.hpp"

namespace comq {

/**
 * A seeded choice of the rows that a layer contributes for each image: a function of the seed, the
 * layer and the image alone.
 */
class RowSample {
  public:
    RowSample(uint64_t seed, int64_t rows_per_image)
        : stream_(seed, "calibration rows"), rows_per_image_(rows_per_image) {}

    /** True when a layer with `available` rows an image gives all of them. */
    bool takes_all(int64_t available) const { return available <= rows_per_image_; }

    /** `rows_per_image` of the `available` rows, ascending; more than that must be available. */
    std::vector<int64_t> rows(const std::string& layer, const std::string& image,
                              int64_t available) const {
        return stream_.child(layer).child(image).choose(available, rows_per_image_);
    }

  private:
    RandomStream stream_;
    int64_t rows_per_image_;
};

/**
 * Sums H = XᵀX of the inputs of one layer. One collector serves all threads: what it sums does not
 * depend on the order of the micro-batches (GramAccumulator).
 */
class GramCollector {
  public:
    explicit GramCollector(const QuantizableLayer& layer,
                           std::optional<RowSample> sample = std::nullopt);

    /**
     * Adds the rows of `input`. `images` names the images of its batch, in order; it is read only
     * where rows are sampled.
     */
    void add(const torch::Tensor& input, const std::vector<std::string>& images = {});

    /** Adds up the sums over all ranks, at `owner`; every rank calls it. */
    void sum_at(Communicator& ranks, int owner);

    /**
     * Moves the sums into `statistics` under `name`. Throws InputError naming the layer when an
     * input was NaN or infinite.
     */
    void take(const std::string& name, LayerStatistics& statistics);

  private:
    void add_convolution(const torch::Tensor& input, const std::vector<std::string>& images);
    /** The rows `[groups, N, m]` that count. */
    torch::Tensor sampled(const torch::Tensor& rows, std::span<const std::string> images) const;
    void add_rows(const torch::Tensor& rows);

    const QuantizableLayer& layer_;
    std::optional<RowSample> sample_;
    GramAccumulator gram_;
    /** Kernel positions by which a convolution's coordinates are ordered outermost. */
    int64_t outer_positions_ = 1;
    std::atomic<int64_t> rows_ = 0;
};

/**
 * Sums the rows of one layer in two networks side by side: the Gram of the rows [x̃ x], x̃ being
 * the input in the partly quantized network and x that in the full-precision one. One triangle of
 * order 2m holds H̃ = X̃ᵀX̃, G = X̃ᵀX and H = XᵀX, and costs no more than the three apart.
 */
class PairedGramCollector {
  public:
    /**
     * Rows count by their weights, but in H as it is given by itself, where each group's output
     * channels are in `weighted_parts` parts with weights of their own; 0: rows count alike.
     */
    explicit PairedGramCollector(const QuantizableLayer& layer, int64_t weighted_parts = 0);

    /**
     * Adds the inputs of one batch; `row_weight` is [groups · parts, N] where rows are weighted.
     * Thread-safe; the sum does not depend on the order.
     */
    void add(const torch::Tensor& quantized_input, const torch::Tensor& full_precision_input,
             const torch::Tensor& row_weight = {});

    /**
     * Moves the sum into `statistics` as `paired_name`, and H of equal rows as `plain_name`. Throws
     * InputError naming the layer when an input was NaN or infinite.
     */
    void take(const std::string& paired_name, const std::string& plain_name,
              LayerStatistics& statistics);

  private:
    const QuantizableLayer& layer_;
    /** Whose patches are summed without their rows; null where rows have to be formed. */
    const Conv2dOptions* unweighted_convolution_ = nullptr;
    GramAccumulator gram_;  ///< of equal rows: of pairs, or H where those are weighted
    std::optional<WeightedGrams> weighted_;  ///< of pairs
    std::atomic<int64_t> rows_ = 0;
};

/** Bytes that a GramCollector holds for one layer. */
int64_t gram_bytes(const QuantizableLayer& layer);

}  // namespace comq
