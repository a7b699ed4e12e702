#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "results/run_record.hpp"

namespace comq {

/**
 * A run for programs: accuracies, size, config, provenance, stages and every column of the layers,
 * in the order `sort` as of sorted_layers(). Percentages have two decimals, errors five significant
 * digits; null is what was not measured. `origin` names the file.
 */
nlohmann::ordered_json run_json(const RunRecord& run, const std::string& origin,
                                std::string_view sort);

/** The accuracies of one network; null when it was not evaluated. */
nlohmann::ordered_json evaluation_json(const std::optional<EvaluationRecord>& record);

}  // namespace comq
