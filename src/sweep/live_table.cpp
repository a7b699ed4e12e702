#include "sweep/live_table.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "core/standard_streams.hpp"

namespace comq {

namespace {

struct ScreenSize {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

ScreenSize screen_size() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
        return {};
    }
    return {size.ws_row, size.ws_col};
}

/** At most `columns` characters of UTF-8 text, so that the terminal breaks no line. */
std::string cut(const std::string& line, std::size_t columns) {
    std::size_t characters = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool begins = (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80;
        if (begins && ++characters > columns) return line.substr(0, i);
    }
    return line;
}

}  // namespace

LiveTable::LiveTable() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void LiveTable::show(const std::vector<std::string>& lines) {
    if (!terminal_) return;
    const ScreenSize screen = screen_size();
    erase();
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
    erase();
    inform(line + "\n");
}

void LiveTable::finish() { erase(); }

void LiveTable::erase() {
    if (drawn_ > 0) inform(fmt::format("\x1b[{}A\x1b[J", drawn_));
    drawn_ = 0;
}

}  // namespace comq
