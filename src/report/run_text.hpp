#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "results/run_record.hpp"

namespace comq {

/** How much of a run is described. */
struct DescribeOptions {
    std::string sort = "relative_error";  ///< a column of the layers, or "network"
    std::size_t layers = 20;              ///< rows of the table of layers at most
    bool every_key = false;               ///< config keys at their default too
    bool whole_provenance = false;        ///< and stages, a line each
};

/**
 * A run for people, in several paragraphs that begin with its accuracies; `origin` names its file.
 */
std::string describe_run(const RunRecord& run, const std::string& origin,
                         const DescribeOptions& options = {});

/** The layers as CSV: one header line, every column of the schema, empty where not measured. */
std::string layers_csv(const RunRecord& run, std::string_view sort);

/**
 * A run for programs: accuracies, figures, size, config, provenance, stages and every column of the
 * layers, sorted by `sort`. Percentages have two decimals, errors five significant digits; null is
 * what was not measured. `origin` names the file.
 */
nlohmann::ordered_json run_json(const RunRecord& run, const std::string& origin,
                                std::string_view sort);

/**
 * What `run_experiment` prints at the end: accuracies, agreement, size, the worst layers, time, the
 * file and the next command. Lines of at most 80 columns, unless `file` is longer.
 */
std::string closing_summary(const RunRecord& run, const std::string& file);

/** The same in one line for `--quiet` on a terminal. */
std::string closing_sentence(const RunRecord& run, const std::string& file);

/**
 * The same for programs: a JSON object on one line, numbers rounded as the summary prints them,
 * null where nothing was measured.
 */
std::string closing_json(const RunRecord& run, const std::string& file);

/** Stands before the JSON object in the output of a run that is no terminal. */
inline constexpr const char* closing_mark = "comq-result ";

}  // namespace comq
