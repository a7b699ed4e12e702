#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/** What a cell shows of a run. */
enum class Measure {
    top1,
    top5,
    agreement,
    full_precision,
    squared_error,          ///< mean_squared_relative_error
    heldout_squared_error,  ///< the same on held-out images
    average_bits,
    calibration_seconds,
    solve_seconds,
    total_seconds,
};

struct MeasureInfo {
    Measure measure;
    std::string name;  ///< in a table spec
    bool higher_is_better;
    bool is_time;  ///< depends on the machine; repetitions of a run are further measurements
    int digits;    ///< behind the point
};

const std::vector<MeasureInfo>& measures();
const MeasureInfo& info_of(Measure measure);

struct Measurement {
    double value;
    double standard_error;  ///< binomial over the evaluation images; NaN where there is none
};

/** None when the run did not measure it. */
std::optional<Measurement> measured(Measure measure, const RunRecord& run);

/** The mean of several runs with its standard error s/√n; one run keeps its own. */
Measurement mean_of(const std::vector<Measurement>& runs);

}  // namespace comq
