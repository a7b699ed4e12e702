#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "calibration/row_weights.hpp"
#include "passes/activation_spool.hpp"
#include "passes/side_by_side.hpp"

namespace comq {

/**
 * The importance weights of the rows that layers are fitted to, taken from the full-precision
 * network before any layer is quantized and spooled to disk until each layer's turn comes.
 */
class RowImportance {
  public:
    /**
     * A forward and a backward pass of `network` over the fitted images of `walk`, which stands
     * before the first block, for the rows of `layers`. `spool` is created, and removed by the
     * destructor. Throws Interrupted, and InputError naming a layer with a NaN or infinite
     * gradient.
     */
    RowImportance(const Network& network, const std::vector<Network::LayerEntry>& layers,
                  const SideBySide& walk, const FisherWeighting& weighting,
                  std::filesystem::path spool);

    /**
     * What the rows of one call of `layer` in a fitted `batch` count, [groups, N] on the CPU: its
     * share of the weights, scaled to a mean of 1, and the rest for all alike.
     */
    torch::Tensor weight(const std::string& layer, std::size_t call, int64_t batch) const;

  private:
    double share_;
    ActivationSpool spool_;
    std::map<std::string, double> mean_;  ///< by layer
};

}  // namespace comq
