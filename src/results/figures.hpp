#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/**
 * A number that tells how a whole run went. Its entry in figures() is all that sweeps (CSV, HDF5,
 * screen), tables (`measure`), the closing line, `--json` and comparisons need to show it.
 */
struct Figure {
    std::string name;         ///< everywhere: of columns, JSON members and measures
    std::string heading;      ///< above its column on a screen; empty: it has no column there
    std::string unit;         ///< "percent", "bit", "s"; "1": a pure number
    std::string description;  ///< one line
    int digits = 2;           ///< behind the point, for people
    bool higher_is_better = false;
    bool before_quantization = false;   ///< nothing done to the network changes it
    double (*value)(const RunRecord&);  ///< NaN: not measured
    double (*standard_error)(const RunRecord&) = nullptr;  ///< null: it has none

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
