#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <variant>
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
    /** Of a whole run, of what both networks predict for a set of images, or of nothing. */
    using Value =
        std::variant<std::monostate, double (*)(const RunRecord&), double (*)(const Evaluations&)>;

    std::string name;         ///< everywhere: of columns, JSON members and measures
    std::string heading;      ///< above its column on a screen; empty: it has no column there
    std::string unit;         ///< "percent", "bit", "s"; "1": a pure number
    std::string description;  ///< one line
    int digits;               ///< behind the point, for people
    bool higher_is_better;
    Value value_of;                    ///< gives NaN: not measured
    Value error_of = {};               ///< its standard error
    bool before_quantization = false;  ///< nothing done to the network changes it
    std::string set = {};              ///< of `evaluation.sets`; empty: the images of the run

    double value(const RunRecord& run) const { return number(value_of, run); }
    bool has_error() const { return !std::holds_alternative<std::monostate>(error_of); }
    double standard_error(const RunRecord& run) const { return number(error_of, run); }
    Measurement of(const RunRecord& run) const { return {value(run), standard_error(run)}; }
    /** Whether each set of images has one. */
    bool of_predictions() const {
        return std::holds_alternative<double (*)(const Evaluations&)>(value_of);
    }
    /** A time depends on the machine; repetitions of a run are further measurements of it. */
    bool is_time() const { return unit == "s"; }

  private:
    double number(const Value& value, const RunRecord& run) const;
};

/** In the order of columns. */
const std::vector<Figure>& figures();

/** The same and, behind them, the figures of predictions of each of `sets`: "top1@v2". */
std::vector<Figure> figures_with(const std::vector<std::string>& sets);

/** The figure `name`, perhaps of a set ("top1@v2"), or null. It stays where it is. */
const Figure* find_figure(std::string_view name);

/** figures_with() and, each behind its own, standard errors ("top1_standard_error"). */
std::vector<Figure> figure_columns(const std::vector<std::string>& sets = {});

/** The names of the sets of a run. */
std::vector<std::string> set_names(const RunRecord& run);

}  // namespace comq
