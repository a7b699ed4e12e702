#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "core/check.hpp"

namespace comq {

namespace {

constexpr std::string_view replacement_character = "\xef\xbf\xbd";

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

std::string without_control_characters(std::string_view text) {
    std::string shown;
    for (const char character : text) {
        const auto code = static_cast<unsigned char>(character);
        if ((code < 0x20 && character != '\n' && character != '\t') || code == 0x7f) {
            shown += fmt::format("\\x{:02x}", code);
        } else {
            shown += character;
        }
    }
    return shown;
}

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

std::string replace_each(
    std::string_view text,
    std::initializer_list<std::pair<std::string_view, std::string_view>> replacements) {
    std::string result;
    while (!text.empty()) {
        const auto* found = std::ranges::find_if(
            replacements, [&](const auto& pair) { return text.starts_with(pair.first); });
        const bool kept = found == replacements.end();
        result += kept ? text.substr(0, 1) : found->second;
        text.remove_prefix(kept ? 1 : found->first.size());
    }
    return result;
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

std::string format_duration(double seconds) {
    const auto whole = static_cast<int64_t>(std::llround(seconds));
    if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string format_bytes(double bytes) {
    constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB"};
    std::size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < units.size()) {
        bytes /= 1000.0;
        ++unit;
    }
    return unit == 0 ? fmt::format("{:.0f} B", bytes)
                     : fmt::format("{:.3g} {}", bytes, units[unit]);
}

TextTable::TextTable(std::vector<Column> columns, std::size_t gap, std::size_t indent)
    : columns_(std::move(columns)), gap_(gap), indent_(indent) {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.push_back(column.heading);
    add(std::move(headings));
}

void TextTable::add(std::vector<std::string> cells) {
    COMQ_CHECK(cells.size() <= columns_.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        columns_[i].width = std::max(columns_[i].width, display_width(cells[i]));
    }
    rows_.push_back(std::move(cells));
}

std::vector<std::string> TextTable::lines() const {
    std::vector<std::string> lines;
    for (const auto& cells : rows_) {
        std::string& line = lines.emplace_back(indent_, ' ');
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) line.append(gap_, ' ');
            const std::string spaces(columns_[i].width - display_width(cells[i]), ' ');
            line += columns_[i].to_the_right ? spaces + cells[i] : cells[i] + spaces;
        }
        line.erase(line.find_last_not_of(' ') + 1);
    }
    return lines;
}

std::string TextTable::text() const {
    std::string text;
    for (const std::string& line : lines()) text += line + "\n";
    return text;
}

}  // namespace comq
