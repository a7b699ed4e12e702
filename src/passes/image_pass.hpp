#pragma once

#include "torch_bridge/torch.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.hpp"
#include "data/loader.hpp"

namespace comq {

/** A forward and a backward pass, in forward passes. */
inline constexpr double gradient_pass = 3.0;

/** A pass over images: which they are, how they are read, where networks run, when to stop. */
struct ImagePass {
    ImageSet images;
    torch::Device device;
    BadImages& bad;  ///< takes those that can't be read
    const std::atomic<bool>& stop;
    /** Set: the training transform (augment.hpp) under this seed instead of resize and crop. */
    std::optional<uint64_t> augmentation_seed = std::nullopt;
    /** Set: changes the pixels of a batch, `[images, 3, height, width]`, before a body sees them.
     */
    std::function<void(const torch::Tensor& pixels, const ImageBatch& batch)> change = {};

    /** Sees the pixels of a batch, `[images, 3, height, width]` on the device. */
    using Body = std::function<void(const torch::Tensor& pixels, const ImageBatch& batch)>;
    /** The same; returns what the progress is to say besides, a running loss. */
    using NotingBody =
        std::function<std::string(const torch::Tensor& pixels, const ImageBatch& batch)>;

    /**
     * Calls `body` for each batch, on the CPU for several at once and in any order, on threads that
     * record gradients where the caller does. `title` is that of the progress. Throws Interrupted
     * ("interrupted while DOING") when `stop` is set, and InputError when more images can't be read
     * than `bad` allows.
     */
    void run(const std::string& title, const std::string& doing, const Body& body) const;
    /** The same as a part of what `progress` counts. */
    void run(Progress& progress, const std::string& doing, const Body& body) const;
    /** One batch after the other, in the order of the images. */
    void run_in_order(Progress& progress, const std::string& doing, const NotingBody& body) const;

    /** The same pass over other images of the source, each of them seen once. */
    ImagePass over(std::vector<int64_t> indices) const;
    /** The same images in batches of another size. */
    ImagePass in_batches_of(int64_t batch_size) const;

    int64_t count() const { return images.count(); }
    int64_t batches() const { return images.batches(); }
};

}  // namespace comq
