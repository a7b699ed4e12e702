#include "points/logged_progress.hpp"

#include <cmath>
#include <regex>

namespace comq {

std::optional<LoggedProgress> read_progress(const std::string& line) {
    static const std::regex form(
        R"((.+?) +(\d+)/(\d+) ([^,]+), (\d+(?:\.\d+)?)/s, )"
        R"((?:(\d+) h )?(?:(\d+) min ?)?(?:(\d+(?:\.\d+)?) s ?)?(left)?(?: .*)?)");
    std::smatch found;
    if (!std::regex_match(line, found, form)) return std::nullopt;
    const auto number = [&](std::size_t group) {
        return found[group].matched ? std::stod(found[group]) : 0.0;
    };
    LoggedProgress progress{.title = found[1],
                            .unit = found[4],
                            .done = std::llround(number(2)),
                            .total = std::llround(number(3)),
                            .per_second = number(5)};
    if (found[9].matched) progress.seconds_left = (number(6) * 60 + number(7)) * 60 + number(8);
    return progress;
}

}  // namespace comq
