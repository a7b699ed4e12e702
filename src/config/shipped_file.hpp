#pragma once

#include <filesystem>

namespace comq {

/**
 * The file of this name, or the one that comes with comq where there is none here: a shipped
 * "configs/demo_vit_4bit.yaml" can be named from any folder. `name` itself when neither exists.
 */
std::filesystem::path find_shipped(const std::filesystem::path& name);

}  // namespace comq
