#pragma once

#include <filesystem>
#include <memory>

#include "data/image_source.hpp"

namespace comq {

std::unique_ptr<ImageSource> open_idx(const std::filesystem::path& images,
                                      const std::filesystem::path& labels);

}  // namespace comq
