#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace comq {

enum class Selection { first, random };

/**
 * Which images to use, ascending: the first `count`, or `count` drawn by
 * `RandomStream(seed, stream)`. Throws UsageError naming `key` ("calibration.images") when there
 * are not that many.
 */
std::vector<int64_t> select_images(int64_t size, int64_t count, Selection selection, uint64_t seed,
                                   std::string_view stream, std::string_view key);

/** `select_images` of those that are not in `taken`, which ascends. */
std::vector<int64_t> select_other_images(int64_t size, const std::vector<int64_t>& taken,
                                         int64_t count, Selection selection, uint64_t seed,
                                         std::string_view stream, std::string_view key);

/** Images that are fitted and further ones that only measure; no image is in both. */
struct CalibrationImages {
    std::vector<int64_t> fitted;
    std::vector<int64_t> held_out;
};

/** The keys `calibration.images`, `calibration.holdout` and `calibration.selection`. */
struct CalibrationChoice {
    int64_t fitted = 0;
    int64_t held_out = 0;
    Selection selection = Selection::random;
};

/** Draws both sets. The fitted set does not depend on how many are held out. */
CalibrationImages select_calibration_images(int64_t size, const CalibrationChoice& choice,
                                            uint64_t seed);

/**
 * The images of `evaluation.images`, ascending: all, or `count` of a draw of their own. It does not
 * depend on the run's seed, so that runs of several seeds are compared on the same images.
 */
std::vector<int64_t> select_evaluation_images(int64_t size, std::optional<int64_t> count);

/**
 * Batches `first`, first + n, first + 2n, … of `indices` in batches of `batch_size`: a rank's
 * share, made of the batches that one rank alone would read.
 */
std::vector<int64_t> every_nth_batch(const std::vector<int64_t>& indices, int64_t batch_size,
                                     int first, int n);

}  // namespace comq
