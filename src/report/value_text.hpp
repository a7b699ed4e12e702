#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/columns.hpp"
#include "results/figures.hpp"

namespace comq {

/** "76.32 ± 0.19"; "-" when not measured. */
std::string format_accuracy(const Measurement& percent);

/** `value` with so many digits behind the point; "-" when not measured. */
std::string format_number(double value, int digits);

/** A figure's value as JSON has it: errors with five significant digits, others as printed. */
nlohmann::ordered_json figure_number(const Figure& figure, double value);

/** Every figure and standard error by name, rounded; null is what was not measured. */
nlohmann::ordered_json figures_json(const RunRecord& run);

/**
 * Rows as `--sort NAME` orders them: by the column NAME as of sorted_rows(), or as they stand for
 * the name `unsorted`. Throws UsageError for other names.
 */
std::vector<std::size_t> ordered_rows(const Columns& columns, std::string_view name,
                                      std::string_view unsorted);

/** A row as JSON, exactly or with so many significant digits; null is what was not measured. */
nlohmann::ordered_json row_json(const Columns& columns, std::size_t row,
                                std::optional<int> digits = {});

/** A line of CSV (RFC 4180) with its end; fields are in quotes where they need them. */
std::string csv_line(const std::vector<std::string>& fields);

/** A value as a field, exactly; empty where it was not measured. */
std::string csv_field(const Column& column, std::size_t row);

/** A header and these rows. */
std::string csv_text(const Columns& columns, const std::vector<std::size_t>& rows);

}  // namespace comq
