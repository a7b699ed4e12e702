#include "core/progress.hpp"

#include <atomic>

#include "core/standard_streams.hpp"
#include "core/terminal.hpp"
#include "core/text_width.hpp"

namespace comq {

namespace {

std::atomic<bool> quiet_process{false};

constexpr double terminal_interval_seconds = 0.1;
constexpr double log_interval_seconds = 60.0;

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
    return std::chrono::duration<double>(b - a).count();
}

}  // namespace

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
