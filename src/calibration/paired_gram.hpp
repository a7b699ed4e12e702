#pragma once

#include "torch_bridge/torch.hpp"

#include <atomic>
#include <optional>
#include <string>

#include "networks/layers.hpp"
#include "statistics/gram_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Sums the rows of one layer in two networks side by side: the Gram of the rows [x̃ x], x̃ being
 * the input in the partly quantized network and x that in the full-precision one. One triangle of
 * order 2m holds H̃ = X̃ᵀX̃, G = X̃ᵀX and H = XᵀX, and costs no more than the three apart.
 */
class PairedGramCollector {
  public:
    /** `weighted`: rows count by their weights, but in H as it is given by itself. */
    explicit PairedGramCollector(const QuantizableLayer& layer, bool weighted = false);

    /**
     * Adds the inputs of one batch; `row_weight` is [groups, N] where rows are weighted.
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
    GramAccumulator gram_;
    std::optional<GramAccumulator> equal_rows_;  ///< H, where `gram_` is weighted
    std::atomic<int64_t> rows_ = 0;
};

}  // namespace comq
