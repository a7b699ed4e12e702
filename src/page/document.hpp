#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "page/run_files.hpp"
#include "page/run_part.hpp"

namespace comq {

struct DocumentOptions {
    std::size_t images = 24;            ///< flipped images listed of each run and set at most
    bool thumbnails = true;             ///< small copies of them in the page
    std::filesystem::path class_names;  ///< empty: what lies beside the images tells them
    /** Opens the float weights of a run, read with its codes; empty: none are shown. */
    std::function<FloatWeights(const RunRecord& run, const std::string& file)> weights{};
    std::string title;    ///< empty: what the runs have in common
    std::string command;  ///< that makes the page, for the page itself
};

/**
 * The one JSON document that a page holds: the runs as of run_part(), what tells them apart, the
 * figures and columns with units and meanings, thumbnails and class names that they refer to, runs
 * without a result. Runs are read one at a time, so only one has its codes in memory.
 */
nlohmann::ordered_json document_of(const FoundRuns& runs, const DocumentOptions& options);

}  // namespace comq
