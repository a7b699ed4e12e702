#include "sweep/live_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/terminal.hpp"
#include "core/text.hpp"

namespace comq {

LiveTable::LiveTable() : terminal_(error_is_terminal()) {}

void LiveTable::show(const std::vector<std::string>& lines) {
    if (!terminal_) return;
    const ScreenSize screen = screen_size();
    finish();
    // The last line, with the totals, is never cut off.
    const std::size_t room = std::max<std::size_t>(screen.rows, 3) - 1;
    const std::size_t first = lines.size() > room ? lines.size() - room : 0;
    std::string text;
    for (std::size_t i = first; i < lines.size(); ++i) {
        text += cut(lines[i], screen.columns - 1) + "\n";
        ++drawn_;
    }
    inform(text);
}

void LiveTable::print(const std::string& line) {
    finish();
    inform(line + "\n");
}

void LiveTable::finish() {
    if (drawn_ > 0) inform(fmt::format("\x1b[{}A\x1b[J", drawn_));
    drawn_ = 0;
}

}  // namespace comq
