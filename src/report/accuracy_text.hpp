#pragma once

#include <cstddef>
#include <string>

#include "results/run_record.hpp"

namespace comq {

/** What a line of a report takes at most. */
inline constexpr std::size_t screen_columns = 80;

/**
 * The accuracies of both networks, how often they predict the same class and how far their
 * predictions are apart, then a row for each further set of images.
 */
std::string accuracy_table(const RunRecord& run);

}  // namespace comq
