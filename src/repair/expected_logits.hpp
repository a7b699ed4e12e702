#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <map>
#include <vector>

#include "networks/network.hpp"
#include "passes/image_pass.hpp"
#include "repair/training_images.hpp"

namespace comq {

/**
 * The full-precision network's logits for the images of a training whose epochs show each of them
 * as it is, or mirrored: computed once for both.
 */
class ExpectedLogits {
  public:
    /** Runs `full_precision` over the images of `pass`. */
    ExpectedLogits(const Network& full_precision, const TrainingImages& images,
                   const ImagePass& pass);

    /**
     * Those of the images of a batch as `epoch` shows them, `[images, classes]`; an undefined
     * tensor where one of them could not be read before.
     */
    torch::Tensor of(const ImageBatch& batch, int64_t epoch) const;

    /** In how many forms epochs show an image: 1 or 2; 0 where they are too many to be kept. */
    static int64_t forms(const RepairConfig& config);

  private:
    const TrainingImages& images_;
    /** Of each form, `[classes]`, by image; undefined for one that could not be read. */
    std::map<int64_t, std::vector<torch::Tensor>> logits_;
};

}  // namespace comq
