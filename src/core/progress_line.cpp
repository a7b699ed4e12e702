#include "core/progress_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text_width.hpp"
#include "core/units.hpp"

namespace comq {

namespace {

constexpr std::size_t title_width = 27;
constexpr std::size_t longest_bar = 24;
constexpr std::size_t shortest_bar = 4;

double rate_of(const ProgressState& state) {
    return static_cast<double>(state.done) / std::max(state.seconds, 1e-9);
}

/** "12/48 layers, 3.1/s, 12 s left". */
std::string counts(const ProgressState& state) {
    const double rate = rate_of(state);
    const bool goes_on = state.done > 0 && state.done < state.total;
    const std::string time =
        goes_on ? format_duration(static_cast<double>(state.total - state.done) / rate) + " left"
                : format_duration(state.seconds);
    return fmt::format("{}/{} {}, {:.{}f}/s, {}", state.done, state.total, state.unit, rate,
                       rate < 99.5 ? 1 : 0, time);
}

std::string head(const ProgressState& state) { return padded(state.title, title_width) + " "; }

std::string tail(const ProgressState& state) {
    return counts(state) + (state.note.empty() ? "" : "  " + state.note);
}

}  // namespace

std::string progress_text(const ProgressState& state) { return head(state) + tail(state); }

std::string closing_text(const ProgressState& state) {
    if (state.done < state.total) {
        return fmt::format("{}{}/{} {}, ended after {}{}", head(state), state.done, state.total,
                           state.unit, format_duration(state.seconds),
                           state.note.empty() ? "" : "  " + state.note);
    }
    return head(state) + counts(state);
}

std::string progress_bar(const ProgressState& state, std::size_t columns, std::size_t& tail_width) {
    const std::string first = head(state);
    const std::string last = tail(state);
    tail_width = std::max(tail_width, display_width(last));
    const std::size_t taken = display_width(first) + std::string_view("[] ").size() + tail_width;
    if (taken + shortest_bar > columns) return cut(first + last, columns);
    const std::size_t length = std::min(longest_bar, columns - taken);
    const double share =
        state.total > 0 ? static_cast<double>(state.done) / static_cast<double>(state.total) : 1.0;
    const auto filled = std::min(
        length, static_cast<std::size_t>(std::lround(share * static_cast<double>(length))));
    return fmt::format("{}[{:=<{}}{:<{}}] {}", first, "", filled, "", length - filled, last);
}

}  // namespace comq
