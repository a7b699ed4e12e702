#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results/run_record.hpp"

namespace comq {

/**
 * Positions of the layers, sorted by a column of the schema: numbers from the largest, NaN last,
 * text from A; "network" keeps the order of the network. Throws UsageError for other names.
 */
std::vector<std::size_t> sorted_layers(const std::vector<LayerRecord>& layers,
                                       std::string_view column);

/** A run for people, in several paragraphs; `origin` names its file. */
std::string describe_run(const RunRecord& run, const std::string& origin, std::string_view sort);

/** The layers as CSV: one header line, every column of the schema, empty where not measured. */
std::string layers_csv(const RunRecord& run, std::string_view sort);

/** "76.32 ± 0.19"; "-" when not measured. */
std::string format_accuracy(double percent, double standard_error);

}  // namespace comq
