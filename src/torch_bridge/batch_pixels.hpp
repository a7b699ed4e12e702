#pragma once

#include "torch_bridge/torch.hpp"

#include "data/loader.hpp"

namespace comq {

/** For rooms that link data. `[images, 3, height, width]`; shares the memory of `batch`. */
inline torch::Tensor batch_pixels(ImageBatch& batch) {
    const auto count = static_cast<int64_t>(batch.indices.size());
    return torch::from_blob(batch.pixels.data(), {count, 3, batch.height, batch.width});
}

}  // namespace comq
