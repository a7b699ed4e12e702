#include "data/text_lines.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/file_reader.hpp"

namespace comq {

std::vector<std::string> read_lines(const std::filesystem::path& file, std::string_view key) {
    require_file(file, fmt::format("{}: ", key));
    const std::vector<std::byte> bytes = read_file(file);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        throw InputError("{}: {} is UTF-16; save it as UTF-8", key, file.string());
    }
    if (text.find('\0') != std::string_view::npos) {
        throw InputError("{}: {} is no text", key, file.string());
    }
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::optional<int64_t> to_number(std::string_view word) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return value;
}

}  // namespace comq
