#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comq {

/**
 * The lines of a list of labels or classes, whatever editor wrote it: without a UTF-8 byte-order
 * mark and without the carriage returns of Windows. `key` is the config key that names the file.
 * Throws UsageError when there is no file, InputError when it can't be read, is UTF-16 or no text.
 */
std::vector<std::string> read_lines(const std::filesystem::path& file, std::string_view key);

/** The number that the whole word is, if it is one. */
std::optional<int64_t> to_number(std::string_view word);

}  // namespace comq
