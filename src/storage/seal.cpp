#include "storage/seal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "core/hash.hpp"
#include "storage/mapped_file.hpp"

namespace comq {

namespace {

constexpr std::string_view mark = "\ncomq: SHA-256 of the bytes before this line ";
constexpr std::size_t telling = 8;  // of the mark's characters are no coincidence
constexpr std::size_t digits = 64;
constexpr std::size_t length = mark.size() + digits + 1;  // and a new line

std::string seal_of(std::span<const std::byte> content) {
    return fmt::format("{}{}\n", mark, Sha256().update(content).hex_digest());
}

}  // namespace

std::size_t seal_length() { return length; }

void seal(std::vector<std::byte>& content) {
    const std::string text = seal_of(content);
    const auto bytes = std::as_bytes(std::span(text));
    content.insert(content.end(), bytes.begin(), bytes.end());
}

Seal check_seal(const std::filesystem::path& file) {
    const FileBytes mapped = map_file(file);
    const std::string_view text = mapped.text();
    const std::string_view last = text.substr(text.size() - std::min(text.size(), length));
    if (!last.starts_with(mark)) {
        // Cut in the middle of it.
        const bool begun = last.find(mark.substr(0, telling)) != std::string_view::npos;
        return begun ? Seal::broken : Seal::none;
    }
    if (last.size() < length) return Seal::broken;
    return last == seal_of(mapped.bytes().first(text.size() - length)) ? Seal::intact
                                                                       : Seal::broken;
}

}  // namespace comq
