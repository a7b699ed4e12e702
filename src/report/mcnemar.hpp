#pragma once

#include <cstdint>
#include <span>

namespace comq {

/** McNemar's test of two classifiers on the same images (McNemar 1947). */
struct McNemarTest {
    int64_t images = 0;
    int64_t only_first_right = 0;
    int64_t only_second_right = 0;
    double difference = 0;      ///< accuracy of the second minus that of the first, percent
    double standard_error = 0;  ///< of that difference, paired, percent
    double p_value = 1;         ///< exact, two-sided: only_second_right ~ Binomial(discordant, ½)
};

/** `first` and `second` tell for each image whether it was classified rightly; of one length. */
McNemarTest mcnemar_test(std::span<const uint8_t> first, std::span<const uint8_t> second);

}  // namespace comq
