#pragma once

#include <optional>
#include <vector>

#include "results/figures.hpp"

namespace comq {

/** What a run, or several, measured of a figure. */
struct Measurement {
    double value;
    double standard_error;  ///< NaN where there is none
};

/** None when the run did not measure it. */
std::optional<Measurement> measured(const Figure& figure, const RunRecord& run);

/** The mean of several runs with its standard error s/√n; one run keeps its own. */
Measurement mean_of(const std::vector<Measurement>& runs);

}  // namespace comq
