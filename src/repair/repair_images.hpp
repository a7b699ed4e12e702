#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "data/image_source.hpp"
#include "data/loader.hpp"
#include "image/preprocessing.hpp"

namespace comq {

/** The images that a repair looks at, in the order they are shown. */
struct RepairImages {
    const ImageSource* source;
    std::vector<int64_t> indices;
    Preprocessing preprocessing;
    int64_t batch_size;
};

/** `[images, 3, height, width]`; shares the memory of `batch`. */
inline torch::Tensor batch_pixels(ImageBatch& batch) {
    const auto count = static_cast<int64_t>(batch.indices.size());
    return torch::from_blob(batch.pixels.data(), {count, 3, batch.height, batch.width});
}

}  // namespace comq
