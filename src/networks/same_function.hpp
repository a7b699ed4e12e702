#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>

#include "networks/network.hpp"

namespace comq {

/**
 * Whether a network whose weights change still computes what it did when this was made, on an image
 * of noise `[1, 3, image_size, image_size]`. Keeps a reference to the network.
 */
class SameFunction {
  public:
    SameFunction(const Network& network, int64_t image_size);

    /** ‖y − y₀‖ / ‖y₀‖ of the logits; NaN where they are none. */
    double change() const;
    /** Rounding of fp32 through a hundred layers explains no more; a wrong part changes everything.
     */
    static constexpr double tolerance = 1e-3;

  private:
    const Network& network_;
    torch::Tensor image_;
    torch::Tensor before_;
};

}  // namespace comq
