#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "results/columns.hpp"
#include "results/figures.hpp"

namespace comq {

/** Every figure and standard error by name, rounded; null is what was not measured. */
nlohmann::ordered_json figures_json(const RunRecord& run);

/** A figure's value as JSON has it: errors with five significant digits, others as printed. */
nlohmann::ordered_json figure_number(const Figure& figure, double value);

/** A row of a table, exactly or with so many significant digits. */
nlohmann::ordered_json row_json(const Columns& columns, std::size_t row,
                                std::optional<int> digits = {});

/**
 * A run for programs: accuracies, figures, size, config, provenance, stages and every column of the
 * layers, in the order `sort` as of sorted_layers(). Percentages have two decimals, errors five
 * significant digits; null is what was not measured. `origin` names the file.
 */
nlohmann::ordered_json run_json(const RunRecord& run, const std::string& origin,
                                std::string_view sort);

/** The accuracies of one network; null when it was not evaluated. */
nlohmann::ordered_json evaluation_json(const std::optional<EvaluationRecord>& record);

}  // namespace comq
