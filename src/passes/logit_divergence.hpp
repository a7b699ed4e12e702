#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <map>
#include <vector>

#include "passes/side_by_side.hpp"

namespace comq {

/**
 * How far the predictions of a partly quantized network are from those of the full-precision one:
 * the mean over the held-out images of KL(p ‖ p̃), in nats. It needs no labels, and unlike the error
 * of a layer's output it knows what of that error the rest of the network cares for.
 */
class LogitDivergence {
  public:
    /**
     * Keeps a reference to `walk`, which has read its images, held-out ones among them, and stands
     * before the first block.
     */
    explicit LogitDivergence(const SideBySide& walk);

    /**
     * With the quantized network's weights as they are now: what `walk` has spooled goes through
     * its block and all that follow. The same bits for any number of threads. Throws Interrupted.
     */
    double measure() const;
    /** The same of each image, in the order of the batches. */
    std::vector<double> measure_images() const { return measure_images(walk_.held_out()); }
    /** Of the images of some batches alone; their numbers ascend. */
    std::vector<double> measure_images(const std::vector<int64_t>& batches) const;

    const SideBySide& walk() const { return walk_; }

  private:
    const SideBySide& walk_;
    std::map<int64_t, torch::Tensor> expected_;  ///< by batch: log p, [images, classes] in fp64
};

}  // namespace comq
