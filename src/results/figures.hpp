#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/** What a run, or several, measured of a figure; NaN: nothing, or no error of it. */
struct Measurement {
    double value = not_measured;
    double standard_error = not_measured;

    bool exists() const { return !std::isnan(value); }
};

/**
 * A number that tells how a whole run went. Its entry in figures() is all that sweeps (CSV, HDF5,
 * screen), tables (`measure`), the closing line, `--json` and comparisons need to show it.
 */
struct Figure {
    std::string name;         ///< everywhere: of columns, JSON members and measures
    std::string heading;      ///< above its column on a screen; empty: it has no column there
    std::string unit;         ///< "percent", "bit", "s"; "1": a pure number
    std::string description;  ///< one line
    int digits;               ///< behind the point, for people
    bool higher_is_better;
    double (*value)(const RunRecord&);                     ///< NaN: not measured
    double (*standard_error)(const RunRecord&) = nullptr;  ///< null: it has none
    bool before_quantization = false;  ///< nothing done to the network changes it

    Measurement of(const RunRecord& run) const {
        return {value(run), standard_error == nullptr ? not_measured : standard_error(run)};
    }
    /** A time depends on the machine; repetitions of a run are further measurements of it. */
    bool is_time() const { return unit == "s"; }
};

/** In the order of columns. */
const std::vector<Figure>& figures();

/** The figure `name`, or null. */
const Figure* find_figure(std::string_view name);

/** The figures and, each behind its own, their standard errors ("top1_standard_error"). */
const std::vector<Figure>& figure_columns();

}  // namespace comq
