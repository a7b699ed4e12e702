#pragma once

#include "torch_bridge/torch.hpp"

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "activations/activation_config.hpp"
#include "networks/network.hpp"

namespace comq {

/** Smallest and largest value of a layer's inputs, fp32 on the CPU: `[1]`, or `[channels]`. */
struct InputRange {
    torch::Tensor minimum;
    torch::Tensor maximum;
};

/** By the name of the layer. */
using InputRanges = std::map<std::string, InputRange>;

/**
 * Finds the extremes of the inputs of some layers while the network runs, on many threads at once;
 * they do not depend on the order.
 */
class RangeTap : public Tap {
  public:
    RangeTap(const std::vector<Network::LayerEntry>& layers, ActivationGranularity granularity);

    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override;

    /**
     * Throws InputError naming the first layer that had a NaN or infinite input, or has seen none.
     */
    InputRanges ranges() const;

  private:
    std::vector<const QuantizableLayer*> layers_;  ///< in the network's order
    ActivationGranularity granularity_;
    std::mutex mutex_;
    std::map<const Observable*, InputRange> ranges_;
};

}  // namespace comq
