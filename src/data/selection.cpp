#include "data/selection.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace comq {

namespace {

void require_images(int64_t size, int64_t count, std::string_view key) {
    if (count > size) {
        throw UsageError("{}: {} images are asked for, but there are {}", key, count, size);
    }
}

std::vector<int64_t> all_images(int64_t size) {
    std::vector<int64_t> indices(static_cast<std::size_t>(size));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    return indices;
}

}  // namespace

std::vector<int64_t> select_images(int64_t size, int64_t count, Selection selection, uint64_t seed,
                                   std::string_view stream, std::string_view key) {
    require_images(size, count, key);
    if (selection == Selection::random) return RandomStream(seed, stream).choose(size, count);
    return all_images(count);
}

std::vector<int64_t> select_other_images(int64_t size, const std::vector<int64_t>& taken,
                                         int64_t count, Selection selection, uint64_t seed,
                                         std::string_view stream, std::string_view key) {
    std::vector<int64_t> rest;
    std::ranges::set_difference(all_images(size), taken, std::back_inserter(rest));
    std::vector<int64_t> chosen;
    for (const int64_t position :
         select_images(static_cast<int64_t>(rest.size()), count, selection, seed, stream, key)) {
        chosen.push_back(rest[static_cast<std::size_t>(position)]);
    }
    return chosen;
}

CalibrationImages select_calibration_images(int64_t size, const CalibrationChoice& choice,
                                            uint64_t seed) {
    require_images(
        size, choice.fitted + choice.held_out,
        choice.held_out == 0 ? "calibration.images" : "calibration.images + calibration.holdout");
    CalibrationImages chosen;
    chosen.fitted = select_images(size, choice.fitted, choice.selection, seed, "calibration",
                                  "calibration.images");
    chosen.held_out = select_other_images(size, chosen.fitted, choice.held_out, choice.selection,
                                          seed, "holdout", "calibration.holdout");
    return chosen;
}

std::vector<int64_t> select_evaluation_images(int64_t size, std::optional<int64_t> count) {
    // What seed 0 drew when the run's seed still chose: such runs keep their identity.
    constexpr uint64_t fixed_seed = 0;
    return select_images(size, count.value_or(size), Selection::random, fixed_seed, "evaluation",
                         "evaluation.images");
}

std::vector<int64_t> every_nth_batch(const std::vector<int64_t>& indices, int64_t batch_size,
                                     int first, int n) {
    COMQ_CHECK(batch_size > 0 && first >= 0 && first < n);
    std::vector<int64_t> share;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const auto batch = static_cast<int64_t>(i) / batch_size;
        if (batch % n == first) share.push_back(indices[i]);
    }
    return share;
}

}  // namespace comq
