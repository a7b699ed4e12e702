#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "export/exported_run.hpp"

namespace comq {

/** What the command line asks for beside the format. */
struct ExportWishes {
    std::filesystem::path output;
    bool matmul_n_bits = false;  ///< ONNX: com.microsoft.MatMulNBits for Linear layers
};

/** What a writer tells of its file. */
struct Written {
    /** What the packed weights take with scales and zero points; none: weights are floats. */
    std::optional<int64_t> weight_bytes = {};
    std::string text = {};                ///< lines for the terminal
    nlohmann::ordered_json details = {};  ///< for --json
};

/** A format that runs are exported to. */
struct ExportFormat {
    std::string name;
    std::string summary;
    Written (*write)(ExportedRun& run, const ExportWishes& wishes);
    bool runs = false;  ///< in a runtime that --verify starts
};

extern const ExportFormat onnx_format;
extern const ExportFormat pt2_format;
extern const ExportFormat pth_format;
extern const ExportFormat safetensors_format;
extern const ExportFormat compressed_tensors_format;

const std::vector<const ExportFormat*>& export_formats();
/** Throws UsageError with the names there are. */
const ExportFormat& find_export_format(const std::string& name);

/** By which an export is known among other files: in all formats but pth. */
inline constexpr const char* made_by_key = "made_by";

/** What a file says of where it is from: model, identity, checkpoint, bits, accuracy. */
std::map<std::string, std::string> provenance_of(const ExportedRun& run);

}  // namespace comq
