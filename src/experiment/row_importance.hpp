#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "calibration/row_weights.hpp"
#include "experiment/activation_spool.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/side_by_side.hpp"

namespace comq {

/**
 * The importance weights of the rows that layers are fitted to, taken from the full-precision
 * network before any layer is quantized and spooled to disk until each layer's turn comes.
 */
class RowImportance {
  public:
    /**
     * A forward and a backward pass over the fitted images of `walk`, which stands before the first
     * block of `network`. `spool` is created, and removed by the destructor. Throws Interrupted,
     * and InputError naming a layer with a NaN or infinite gradient.
     */
    RowImportance(const Network& network, const LayerPlan& plan, const SideBySide& walk,
                  const FisherWeighting& weighting, torch::Device device,
                  std::filesystem::path spool);

    /**
     * What the rows of `layer` in a fitted `batch` count, [groups, N] on the CPU: its share of the
     * weights, scaled to a mean of 1, and the rest for all alike.
     */
    torch::Tensor weight(const std::string& layer, int64_t batch) const;

  private:
    double share_;
    ActivationSpool spool_;
    std::map<std::string, double> mean_;  ///< by layer
};

}  // namespace comq
