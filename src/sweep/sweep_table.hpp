#pragma once

#include <cstddef>
#include <string>

#include "results/columns.hpp"

namespace comq {

/** The finished runs of a sweep, a row each, in the order of the sweep. */
struct SweepTable {
    std::string sweep;           ///< its name
    std::size_t sweep_runs = 0;  ///< finished or not; repeated points count once
    std::size_t rows = 0;
    /** `point`, `label`, every key that varies, then accuracies, errors, times. */
    Columns points;
    Columns layers;  ///< `row`, a number, `point`, then the columns of a run's layers
};

}  // namespace comq
