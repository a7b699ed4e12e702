#pragma once

#include <spdlog/spdlog.h>

#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>

#include "core/errors.hpp"
#include "experiment/cache_folder.hpp"
#include "results/journal_part.hpp"

namespace comq {

/**
 * What `parse` makes of the part at `file`; none when there is none. A damaged or foreign file, of
 * which `parse` throws, is removed, which is said in one line that ends in `consequence`.
 */
template <typename Parse>
std::optional<std::invoke_result_t<Parse, JournalPart>> load_cached_part(
    const CacheFolder& folder, const std::filesystem::path& file, const std::string& consequence,
    const Parse& parse) {
    if (!folder.enabled() || !std::filesystem::exists(file)) return std::nullopt;
    try {
        auto content = parse(read_journal_part(file));
        folder.touch(file);
        return content;
    } catch (const std::exception& error) {
        spdlog::warn("{}; {}", error.what(), consequence);
        std::error_code ignored;
        std::filesystem::remove(file, ignored);
        return std::nullopt;
    }
}

/**
 * Whether the part could be written: a cache that can't be written to saves no work, which is no
 * reason to lose any, so that is said in one line that ends in `consequence`.
 */
inline bool store_cached_part(const std::filesystem::path& file, const JournalPart& part,
                              const std::string& consequence) {
    try {
        write_journal_part(file, part);
        return true;
    } catch (const Error& error) {
        spdlog::warn("{}; {}", error.what(), consequence);
        return false;
    }
}

}  // namespace comq
