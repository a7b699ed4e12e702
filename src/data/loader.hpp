#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/matrix.hpp"
#include "data/image_source.hpp"
#include "image/preprocessing.hpp"

namespace comq {

/** Images to read, and how. */
struct ImageSet {
    ImageSet(const ImageSource* images, std::vector<int64_t> chosen, const Preprocessing& prepared,
             int64_t images_of_batch, int64_t times = 1, uint64_t seed = 0)
        : source(images),
          indices(std::move(chosen)),
          preprocessing(prepared),
          batch_size(images_of_batch),
          views(times),
          view_seed(seed) {}

    const ImageSource* source;
    std::vector<int64_t> indices;  ///< in the order in which they are read
    Preprocessing preprocessing;
    int64_t batch_size;  ///< images of one batch, which is one task
    /** How often the list is read: after the first time as near_view, or augment, draws images
     *  (augment.hpp), anew each time. */
    int64_t views;
    uint64_t view_seed;  ///< of these draws

    int64_t count() const { return views * static_cast<int64_t>(indices.size()); }
    int64_t batches() const { return views * batches_of_view(); }
    /** No batch is of two views. */
    int64_t batches_of_view() const {
        return (static_cast<int64_t>(indices.size()) + batch_size - 1) / batch_size;
    }
};

/** Preprocessed images: a run of consecutive positions of the list of indices, view after view. */
struct ImageBatch {
    int64_t batch = 0;             ///< 0-based number of the batch
    std::vector<int64_t> indices;  ///< of the images in their source
    std::vector<int64_t> labels;   ///< −1: none
    int64_t height = 0;
    int64_t width = 0;
    AlignedVector<float> pixels;  ///< [indices.size(), 3, height, width], normalised
};

/** Images that could not be read, each counted once however often it is tried. Thread-safe. */
class BadImages {
  public:
    explicit BadImages(int64_t allowed) : allowed_(allowed) {}

    /** Throws InputError when this is one more than `data.max_bad_images` allows. */
    void add(const std::string& id, const std::string& reason);
    int64_t count() const;
    /** One line an image, by id. */
    std::vector<std::string> reasons() const;

  private:
    mutable std::mutex mutex_;
    int64_t allowed_;
    std::map<std::string, std::string> reasons_;
};

enum class Consume {
    serial,   ///< one batch at a time, in order
    parallel  ///< several at once, in any order
};

struct LoaderOptions {
    Consume consume = Consume::serial;
    /** Once true, no further batch is begun; those begun are consumed whole. */
    const std::atomic<bool>* stop = nullptr;
    /** Set: the training transform (augment.hpp) under this seed instead of resize and crop, in the
     *  first view. */
    std::optional<uint64_t> augmentation_seed;

    LoaderOptions() = default;
    LoaderOptions(Consume mode) : consume(mode) {}  // a mode alone is a full set of options
};

/**
 * Reads, decodes and preprocesses `images` in their batches and hands each to `consume`, all in
 * TBB tasks. At most thread_count() + 1 batches exist at a time. An image that can't be read is
 * left out of its batch and added to `bad_images`; a batch without images is not consumed. What a
 * batch holds depends on the arguments only. The first exception of a task ends the loop and is
 * rethrown. Returns false when `stop` cut it short.
 */
bool for_each_batch(const ImageSet& images, BadImages& bad_images,
                    const std::function<void(ImageBatch&&)>& consume,
                    const LoaderOptions& options = {});

}  // namespace comq
