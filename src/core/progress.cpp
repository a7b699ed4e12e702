#include "core/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/terminal.hpp"
#include "core/text.hpp"

namespace comq {

namespace {

std::atomic<bool> quiet_process{false};

constexpr double terminal_interval_seconds = 0.1;
constexpr double log_interval_seconds = 60.0;

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
    return std::chrono::duration<double>(b - a).count();
}

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

void Progress::set_quiet(bool quiet) { quiet_process = quiet; }

Progress::Progress(std::string title, std::string unit, int64_t total)
    : state_{.title = std::move(title), .unit = std::move(unit), .note = {}, .total = total},
      start_(Clock::now()),
      last_print_(start_),
      terminal_(error_is_terminal()) {
    const std::lock_guard lock(mutex_);
    if (terminal_ && !quiet_process) draw();
}

Progress::~Progress() {
    try {
        finish();
    } catch (...) {
        return;
    }
}

void Progress::draw() {
    live_line::show(progress_bar(state_, screen_size().columns - 1, tail_width_));
}

void Progress::advance(int64_t amount, const std::string& note) {
    const std::lock_guard lock(mutex_);
    state_.done += amount;
    state_.note = note;
    const auto now = Clock::now();
    state_.seconds = seconds_between(start_, now);
    const double interval = terminal_ ? terminal_interval_seconds : log_interval_seconds;
    if (finished_ || quiet_process || seconds_between(last_print_, now) < interval) return;
    last_print_ = now;
    if (terminal_) {
        draw();
    } else {
        inform(progress_text(state_) + "\n");
    }
}

void Progress::finish() {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = true;
    if (quiet_process) return;
    state_.seconds = seconds_between(start_, Clock::now());
    std::string line = closing_text(state_);
    if (terminal_) line = cut(line, screen_size().columns - 1);
    live_line::close(line + "\n");
}

}  // namespace comq
