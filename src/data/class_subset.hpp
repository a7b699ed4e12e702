#pragma once

#include <memory>

#include "data/image_source.hpp"

namespace comq {

/** The value of data.classes that stands for the classes that have images. */
inline constexpr const char* present_classes = "present";

/**
 * The images of the classes of `data.classes`, which alone a network may predict; all of them where
 * the key is not set. Throws, naming file and line, UsageError for what is no class and for classes
 * without images, InputError for an unreadable list.
 */
std::unique_ptr<ImageSource> restrict_classes(std::unique_ptr<ImageSource> images,
                                              const DataConfig& config);

}  // namespace comq
