#pragma once

#include "torch_bridge/torch.hpp"

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "calibration/row_sample.hpp"
#include "core/errors.hpp"
#include "networks/layers.hpp"
#include "statistics/gram_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

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

/** What to throw when an input of `layer` was NaN or infinite. */
InputError non_finite_inputs(const QuantizableLayer& layer);

/** Bytes that a GramCollector holds for one layer. */
int64_t gram_bytes(const QuantizableLayer& layer);

}  // namespace comq
