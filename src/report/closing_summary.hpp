#pragma once

#include <string>

#include "results/run_record.hpp"

namespace comq {

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
