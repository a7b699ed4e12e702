#pragma once

#include <filesystem>
#include <string>

namespace comq {

struct ModelConfig {
    std::string name;               ///< a name of the model registry
    std::filesystem::path weights;  ///< checkpoint file; empty: the model's embedded weights
    std::string sha256;             ///< expected digest of the checkpoint; empty: not checked
};

}  // namespace comq
