#include "core/utf8.hpp"

#include <algorithm>

namespace comq {

namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";

}  // namespace

Utf8Character first_character(std::string_view bytes) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (byte(0) < 0x80) return {1, byte(0)};
    const std::size_t length = byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
    if (byte(0) < 0xc2 || byte(0) > 0xf4 || length > bytes.size()) return {};
    char32_t code = byte(0) & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3f);
    }
    const bool overlong = code < (length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (overlong || surrogate || code > 0x10ffff) return {};
    return {length, code};
}

bool is_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t length = first_character(bytes).bytes;
        if (length == 0) return false;
        bytes.remove_prefix(length);
    }
    return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t length = first_character(bytes).bytes;
        text += length == 0 ? replacement_character : bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

}  // namespace comq
