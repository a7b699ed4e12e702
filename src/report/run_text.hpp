#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "results/columns.hpp"
#include "results/run_record.hpp"

namespace comq {

/**
 * Positions of the layers, sorted by a column of the schema as of sorted_rows(); "network" keeps
 * the order of the network. Throws UsageError for other names.
 */
std::vector<std::size_t> sorted_layers(const Columns& layers, std::string_view column);

/** How much of a run is described. */
struct DescribeOptions {
    std::string sort = "relative_error";  ///< as of sorted_layers()
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

}  // namespace comq
