#pragma once

#include <cstdint>
#include <optional>

namespace comq {

struct EvaluationConfig {
    std::optional<int64_t> images;        ///< none: all
    int64_t batch_size = 8;               ///< images of one micro-batch
    int64_t layer_images = 64;            ///< on which layers are compared; 0: none
    std::optional<double> expected_top1;  ///< percent; overrides the data set's descriptor
    bool allow_chance = false;            ///< goes on although Top-1 is no better than guessing
};

}  // namespace comq
