#pragma once

#include <torch/torch.h>

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "calibration/gram_accumulator.hpp"
#include "calibration/statistics.hpp"
#include "models/network.hpp"

namespace comq {

/**
 * Tap that sums H = XᵀX of the inputs of chosen layers. One collector serves all threads: what it
 * sums does not depend on the order of the micro-batches (GramAccumulator).
 */
class GramCollector : public Tap {
  public:
    explicit GramCollector(const std::vector<Network::LayerEntry>& layers);

    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override;

    /**
     * Moves the sums of `layer` into `statistics` under `name`. Throws InputError naming the layer
     * when an input was NaN or infinite.
     */
    void take(const QuantizableLayer& layer, const std::string& name, LayerStatistics& statistics);

  private:
    struct LayerSums {
        std::vector<std::unique_ptr<GramAccumulator>> groups;
        std::atomic<int64_t> rows = 0;
    };
    void add_dense(LayerSums& sums, const torch::Tensor& rows);
    void add_grouped(LayerSums& sums, const torch::Tensor& rows);

    std::unordered_map<const QuantizableLayer*, std::unique_ptr<LayerSums>> sums_;
};

/** Bytes that a GramCollector holds for one layer. */
int64_t gram_bytes(const QuantizableLayer& layer);

}  // namespace comq
