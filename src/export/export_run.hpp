#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "export/export_formats.hpp"
#include "export/verify.hpp"

namespace comq {

/** What is to be written of which run. */
struct ExportRequest {
    std::string result;
    std::string format;  ///< empty: the extension of the output says
    std::string linear = "dequantize";
    std::optional<int64_t> verify;  ///< images; 0: all that the run was evaluated on
    ExportWishes wishes;
    NetworkFiles files;
};

struct ExportReport {
    std::string text;
    nlohmann::ordered_json json;
    std::optional<Verification> verification;
};

/**
 * Writes the file and, where it is asked for, runs it: whether it is as accurate as comq's network
 * is for the caller to check. Throws UsageError for an extension that is another format's and for
 * wishes that the format does not have, and what the writer throws.
 */
ExportReport export_run(ExportRequest request);

}  // namespace comq
