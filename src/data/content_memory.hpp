#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/image_source.hpp"

namespace comq {

/** Hash of an image's bytes or pixels. */
uint64_t content_hash(std::span<const std::byte> bytes);

/** Sets of more than so many bytes are not read again for their contents. */
constexpr uint64_t remembered_from = uint64_t{64} << 20;

/**
 * ImageSource::content of the chosen images, computed in parallel; 0 of those that can't be read,
 * which whoever loads them reports. Where `remember_from` bytes or more had to be read, the
 * contents are kept in the user's cache folder, and a later run reads again only the images whose
 * files have another FileVersion. A file that changed in the last two seconds is not kept, since
 * another change in the same tick of the clock would leave its version as it is.
 */
std::vector<uint64_t> contents_of(const ImageSource& source, std::span<const int64_t> indices,
                                  uint64_t remember_from = remembered_from);

}  // namespace comq
