#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "export/exported_run.hpp"
#include "export/python_job.hpp"

namespace comq {

/**
 * What the script needs to build the network of a run anew, and the tensors that go with it: those
 * of the network, and images with the logits that it must have for them, its inputs rounded as in
 * the run or not.
 */
nlohmann::json network_job(ExportedRun& run, const PythonJob& folder, const std::string& task,
                           bool with_rounding);

/** How the inputs of layers are rounded. Throws UsageError for ranges of each token. */
nlohmann::json rounding_job(const ExportedRun& run);

/** What each quantized layer is, and where its weight lies; its codes go to `folder`. */
nlohmann::json layers_job(const ExportedRun& run, const PythonJob& folder);

}  // namespace comq
