#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <map>

#include "repair/repair.hpp"

namespace comq {

/**
 * The mean over the held-out images of KL(p ‖ p̃) in nats, p of the full-precision network and p̃ of
 * the one under repair, whole networks from pixels to logits.
 */
class HeldOutDivergence {
  public:
    /** Keeps references to the context's networks; computes p. */
    explicit HeldOutDivergence(const RepairContext& context);

    /** With the weights as they are now. The same bits for any number of threads. */
    double measure() const;

  private:
    using ByBatch = std::map<int64_t, torch::Tensor>;  ///< log p, [images, classes] in fp64
    ByBatch predictions_of(const Network& network) const;

    const Network& network_;
    ImagePass pass_;
    ByBatch expected_;
};

}  // namespace comq
