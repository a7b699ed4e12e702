#include "core/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace comq {

namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";

bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

/** Bytes of the character that `bytes` begins with; 0 where it begins with none. */
std::size_t character_length(std::string_view bytes) {
    const auto first = static_cast<uint8_t>(bytes[0]);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    if (length == 0 || bytes.size() < length) return 0;
    if (!std::ranges::all_of(bytes.substr(1, length - 1), is_continuation)) return 0;
    const auto second = static_cast<uint8_t>(bytes[1]);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool surrogate = first == 0xed && second >= 0xa0;
    const bool beyond = first == 0xf4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t length = character_length(bytes);
        if (length == 0) return false;
        bytes.remove_prefix(length);
    }
    return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t length = character_length(bytes);
        text += length == 0 ? replacement_character : bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

}  // namespace comq
