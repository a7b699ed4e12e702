#include "config/indentation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace comq {

namespace {

std::string_view line_of(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

/** The columns, from 0, in which maps and lists that are still open began. */
class OpenColumns {
  public:
    void add(std::string_view line) {
        std::size_t column = line.find_first_not_of(' ');
        if (column == std::string_view::npos || line[column] == '#') return;
        while (!columns_.empty() && columns_.back() > column) columns_.pop_back();
        push(column);
        // "- - key: 1" opens a list, a list in it, and a map in that.
        while (line.substr(column).starts_with("- ")) {
            column = line.find_first_not_of(' ', column + 1);
            if (column == std::string_view::npos) break;
            push(column);
        }
        const std::size_t last = line.find_last_not_of(" \r");
        opens_ = line[last] == ':' || line[last] == '-';
    }

    bool allow(std::size_t column) const {
        if (columns_.empty() || std::ranges::count(columns_, column) > 0) return true;
        return opens_ && column > columns_.back();
    }
    std::vector<std::size_t> counted_from_one() const {
        std::vector<std::size_t> columns = columns_;
        for (std::size_t& column : columns) ++column;
        return columns;
    }

  private:
    void push(std::size_t column) {
        if (columns_.empty() || columns_.back() < column) columns_.push_back(column);
    }

    std::vector<std::size_t> columns_;
    bool opens_ = false;  ///< the last line leaves its value to deeper ones
};

}  // namespace

std::string indentation_problem(std::string_view text, int line) {
    OpenColumns open;
    for (int number = 1; number < line && !text.empty(); ++number) open.add(line_of(text));
    const std::size_t column = line_of(text).find_first_not_of(' ');
    if (column == std::string_view::npos || open.allow(column)) return "";
    return fmt::format("wrong indentation: the line begins in column {}, the ones before it in {}",
                       column + 1, fmt::join(open.counted_from_one(), " or "));
}

}  // namespace comq
