#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include "core/file_descriptor.hpp"

namespace comq {

/**
 * Opens a regular file, or a link to one, for reading. Never waits, as opening a pipe that nobody
 * writes to would. Throws InputError naming the file and what it is instead.
 */
FileDescriptor open_input(const std::filesystem::path& file);

constexpr std::size_t whole_file = std::numeric_limits<std::size_t>::max();

/** At most `most` bytes of a regular file from byte `begin` on. Throws as open_input does. */
std::string read_text(const std::filesystem::path& file, uint64_t begin = 0,
                      std::size_t most = whole_file);

/** The same; none where there is no such file, or none that can be read. */
std::optional<std::string> text_if_readable(const std::filesystem::path& file, uint64_t begin = 0,
                                            std::size_t most = whole_file);

}  // namespace comq
