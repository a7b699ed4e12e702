#include "core/text_table.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "core/text.hpp"

namespace comq {

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
