#pragma once

#include <string>

#include "results/run_record.hpp"

namespace comq {

/** What `run_experiment` prints at the end: accuracies, size, time by stage, the worst layers. */
std::string closing_summary(const RunRecord& run, const std::string& file);

/** The same for programs: one line, "comq-result {json}"; what was not measured is null. */
std::string closing_line(const RunRecord& run, const std::string& file);

}  // namespace comq
