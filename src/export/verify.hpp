#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "export/exported_run.hpp"

namespace comq {

/** What comq's network and the exported one make of the same images. */
struct Verification {
    int64_t images = 0;
    double top1 = 0;          ///< percent, of comq's network
    double runtime_top1 = 0;  ///< percent, of the exported one
    double agreement = 0;     ///< percent of comq's predictions that are the full-precision ones
    double runtime_agreement = 0;   ///< the same of the exported one's
    int64_t different = 0;          ///< images for which the two predict other classes
    double largest_difference = 0;  ///< of logits
    double largest_logit = 0;       ///< absolute, of comq's
    std::string runtime;            ///< "ONNX Runtime 1.32.0"

    std::string text() const;
    nlohmann::ordered_json json() const;
    /** Throws Failure when Top-1 differs by more than `largest_top1_difference`. */
    void check(const std::filesystem::path& file) const;
};

/** Percentage points of Top-1 that an exported network may be off. */
inline constexpr double largest_top1_difference = 0.1;

/**
 * Runs both networks on the first `count` images (none: all) that the run was evaluated on, which
 * must lie where its config says. Images are decoded and prepared by comq for both.
 */
Verification verify_onnx(ExportedRun& run, const std::filesystem::path& file,
                         std::optional<int64_t> count);

}  // namespace comq
