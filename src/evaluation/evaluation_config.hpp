#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/data_config.hpp"

namespace comq {

/** The name of the set that `data.evaluation` is; further ones have others. */
inline constexpr const char* main_set = "main";

/** Further images that both networks are evaluated on. */
struct EvaluationSet {
    std::string name;
    DataConfig data;                ///< its keys that concern evaluation, for this set
    std::optional<int64_t> images;  ///< none: all
};

struct EvaluationConfig {
    std::optional<int64_t> images;        ///< none: all
    int64_t batch_size = 8;               ///< images of one micro-batch
    int64_t layer_images = 64;            ///< on which layers are compared; 0: none
    std::optional<double> expected_top1;  ///< percent; overrides the data set's descriptor
    bool allow_chance = false;            ///< goes on although Top-1 is no better than guessing
    std::vector<EvaluationSet> sets;      ///< beside that of `data.evaluation`
};

}  // namespace comq
