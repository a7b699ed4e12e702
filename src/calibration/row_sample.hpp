#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/random.hpp"

namespace comq {

/**
 * A seeded choice of the rows that a layer contributes for each image: a function of the seed, the
 * layer and the image alone.
 */
class RowSample {
  public:
    RowSample(uint64_t seed, int64_t rows_per_image)
        : stream_(seed, "calibration rows"), rows_per_image_(rows_per_image) {}

    /** True when a layer with `available` rows an image gives all of them. */
    bool takes_all(int64_t available) const { return available <= rows_per_image_; }

    /** `rows_per_image` of the `available` rows, ascending; more than that must be available. */
    std::vector<int64_t> rows(const std::string& layer, const std::string& image,
                              int64_t available) const {
        return stream_.child(layer).child(image).choose(available, rows_per_image_);
    }

  private:
    RandomStream stream_;
    int64_t rows_per_image_;
};

}  // namespace comq
