#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "image/preprocessing.hpp"

namespace comq {

/** What is given of Preprocessing; the rest is as the network's publisher has it. */
struct PreprocessingConfig {
    std::optional<int> resize;
    std::optional<int> crop;
    std::optional<Interpolation> interpolation;
    std::optional<std::array<float, 3>> mean;
    std::optional<std::array<float, 3>> std;
};

struct ModelConfig {
    std::string name;               ///< a name of the model registry, or else
    std::filesystem::path program;  ///< an archive of torch.export.save
    std::filesystem::path weights;  ///< checkpoint file; empty: embedded, or in the archive
    std::string sha256;             ///< expected digest of the checkpoint; empty: not checked
    PreprocessingConfig preprocessing;
};

}  // namespace comq
