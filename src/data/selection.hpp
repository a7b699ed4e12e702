#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/calibration_config.hpp"
#include "config/evaluation_config.hpp"

namespace comq {

/**
 * Which images to use, ascending: the first `count`, or `count` drawn by
 * `RandomStream(seed, stream)`. Throws UsageError naming `key` ("calibration.images") when there
 * are not that many.
 */
std::vector<int64_t> select_images(int64_t size, int64_t count, Selection selection, uint64_t seed,
                                   std::string_view stream, std::string_view key);

/** As `select_images`, of the images that are not in `taken`, which ascends. */
std::vector<int64_t> select_other_images(int64_t size, const std::vector<int64_t>& taken,
                                         int64_t count, Selection selection, uint64_t seed,
                                         std::string_view stream, std::string_view key);

/** Images that are fitted and further ones that only measure; no image is in both. */
struct CalibrationImages {
    std::vector<int64_t> fitted;
    std::vector<int64_t> held_out;
};

/**
 * Draws both sets of `calibration.images` and `calibration.holdout`. The fitted set does not
 * depend on how many are held out.
 */
CalibrationImages select_calibration_images(int64_t size, const CalibrationConfig& config,
                                            uint64_t seed);

/**
 * The images of `evaluation.images`, ascending: all, or so many of a draw of their own. It does not
 * depend on the run's seed, so that runs of several seeds are compared on the same images.
 */
std::vector<int64_t> select_evaluation_images(int64_t size, const EvaluationConfig& config);

/**
 * Batches `first`, first + n, first + 2n, … of `indices` in batches of `batch_size`: a rank's
 * share, made of the batches that one rank alone would read.
 */
std::vector<int64_t> every_nth_batch(const std::vector<int64_t>& indices, int64_t batch_size,
                                     int first, int n);

}  // namespace comq
