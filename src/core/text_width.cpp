#include "core/text_width.hpp"

#include <algorithm>
#include <array>

#include "core/utf8.hpp"

namespace comq {

namespace {

struct Range {
    char32_t first;
    char32_t last;
};

constexpr std::array<Range, 6> without_width{{{0x0300, 0x036f},
                                              {0x1ab0, 0x1aff},
                                              {0x200b, 0x200f},
                                              {0x20d0, 0x20ff},
                                              {0xfe00, 0xfe0f},
                                              {0xfeff, 0xfeff}}};
constexpr std::array<Range, 9> wide{{{0x1100, 0x115f},
                                     {0x2e80, 0xa4cf},
                                     {0xac00, 0xd7a3},
                                     {0xf900, 0xfaff},
                                     {0xfe30, 0xfe6f},
                                     {0xff00, 0xff60},
                                     {0xffe0, 0xffe6},
                                     {0x1f300, 0x1faff},
                                     {0x20000, 0x3fffd}}};

template <std::size_t count>
bool lies_in(const std::array<Range, count>& ranges, char32_t c) {
    return std::ranges::any_of(ranges, [c](Range r) { return r.first <= c && c <= r.last; });
}

struct Extent {
    std::size_t bytes;
    std::size_t columns;
};

/** The extent of the first character of `text`, which is not empty. */
Extent first_extent(std::string_view text) {
    const Utf8Character next = first_character(text);
    if (next.bytes == 0) return {1, 1};
    const bool control = next.code < 0x20 || next.code == 0x7f;
    if (control || lies_in(without_width, next.code)) return {next.bytes, 0};
    return {next.bytes, lies_in(wide, next.code) ? std::size_t{2} : std::size_t{1}};
}

/** Bytes of the longest beginning of `text` that `columns` columns hold. */
std::size_t bytes_within(std::string_view text, std::size_t columns) {
    std::size_t used = 0;
    std::size_t position = 0;
    while (position < text.size()) {
        const Extent next = first_extent(text.substr(position));
        if (used + next.columns > columns) break;
        used += next.columns;
        position += next.bytes;
    }
    return position;
}

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t columns = 0;
    while (!text.empty()) {
        const Extent next = first_extent(text);
        columns += next.columns;
        text.remove_prefix(next.bytes);
    }
    return columns;
}

std::string cut(std::string_view text, std::size_t columns) {
    if (bytes_within(text, columns) == text.size()) return std::string(text);
    if (columns == 0) return "";
    return std::string(text.substr(0, bytes_within(text, columns - 1))) + "…";
}

std::string padded(std::string_view text, std::size_t columns) {
    const std::size_t width = display_width(text);
    return std::string(text) + std::string(columns - std::min(width, columns), ' ');
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns) {
    std::string result;
    std::size_t column = indent;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(" \n\t"), text.size()));
        if (text.empty()) return result;
        const std::string_view word = text.substr(0, text.find_first_of(" \n\t"));
        text.remove_prefix(word.size());
        const std::size_t width = display_width(word);
        if (column > indent && column + 1 + width > columns) {
            result.append("\n").append(indent, ' ');
            column = indent;
        }
        if (column > indent) result += " ";
        column += width + (column > indent ? 1 : 0);
        result += word;
    }
}

}  // namespace comq
