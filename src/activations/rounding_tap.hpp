#pragma once

#include <map>
#include <vector>

#include "activations/activation_config.hpp"
#include "activations/rounding_grid.hpp"
#include "networks/network.hpp"

namespace comq {

/**
 * Rounds the inputs of some layers while the network runs. Where ranges are calibrated one grid
 * serves all images; per token, a grid covers the features of one token of a Linear layer, or one
 * image at the input of a convolution, whose rows share pixels. Many threads may use one tap.
 */
class RoundingTap : public Tap {
  public:
    /** `config.bits` is set. `ranges` of all `layers`, unread where ranges are not calibrated. */
    RoundingTap(const std::vector<Network::LayerEntry>& layers, const InputRanges& ranges,
                const ActivationConfig& config, torch::Device device);

    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override;

  private:
    ActivationConfig config_;
    std::map<const Observable*, RoundingGrid> grids_;
};

}  // namespace comq
