#include "data/remembered_text.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "data/file_reader.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** What follows the first line; none when the digest is another. */
std::optional<std::string> checked(std::string_view text, std::string_view head) {
    constexpr std::size_t digest_line = 65;
    if (text.size() < head.size() + digest_line || !text.starts_with(head)) return std::nullopt;
    const std::string_view digest = text.substr(text.size() - digest_line, digest_line - 1);
    text.remove_suffix(digest_line);
    if (sha256_hex(text) != digest) return std::nullopt;
    return std::string(text.substr(head.size()));
}

}  // namespace

std::optional<std::string> RememberedText::recall(std::string_view head) const {
    for (const fs::path& file : files_) {
        std::error_code absent;
        if (!fs::is_regular_file(file, absent)) continue;
        try {
            const std::vector<std::byte> bytes = read_file(file);
            const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            if (auto found = checked(text, head)) return found;
            spdlog::info("{}: is of another state of the images and is made anew", file.string());
        } catch (const InputError& error) {
            spdlog::info("{}; it is made anew", error.what());  // another user's, perhaps
        }
    }
    return std::nullopt;
}

bool RememberedText::remember(std::string_view head, std::string_view text) const {
    const std::string lines = fmt::format("{}{}", head, text);
    for (const fs::path& file : files_) {
        try {
            if (file.has_parent_path()) fs::create_directories(file.parent_path());
            write_text_atomically(file, lines + sha256_hex(lines) + "\n");
            return true;
        } catch (const std::exception& error) {
            spdlog::debug("{}", error.what());
        }
    }
    return false;
}

std::optional<fs::path> user_cache_file(const fs::path& path, std::string_view kind) {
    const char* cache = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    const bool has_cache = cache != nullptr && *cache != '\0';
    if (!has_cache && home == nullptr) return std::nullopt;
    const fs::path folder = has_cache ? fs::path(cache) : fs::path(home) / ".cache";
    return folder / "comq" /
           fmt::format("{}.{}", sha256_hex(fs::absolute(path).string()).substr(0, 16), kind);
}

}  // namespace comq
