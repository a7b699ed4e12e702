#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "image/preprocessing.hpp"

namespace comq {

/** What is given of Preprocessing; the rest is as the network's publisher has it. */
struct PreprocessingConfig {
    std::optional<int> resize = {};
    std::optional<double> crop_pct = {};  ///< timm's: resize is crop / crop_pct, rounded down
    std::optional<int> crop = {};
    std::optional<int> input_size = {};  ///< crop, and resize in the publisher's proportion to it
    std::optional<ResizeMode> resize_mode = {};
    std::optional<Interpolation> interpolation = {};
    std::optional<std::array<float, 3>> mean = {};
    std::optional<std::array<float, 3>> std = {};
};

struct ModelConfig {
    std::string name;               ///< of the registry or of a published checkpoint, or else
    std::filesystem::path program;  ///< an archive of torch.export.save
    /** Checkpoint file or folder of Hugging Face; empty: embedded, or in the archive. */
    std::filesystem::path weights;
    std::string state_dict;  ///< which dictionary of the checkpoint (find_state_dict)
    std::string sha256;      ///< expected digest of the checkpoint; empty: not checked
    bool resample_positions = false;
    PreprocessingConfig preprocessing;
};

}  // namespace comq
