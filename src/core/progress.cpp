#include "core/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "core/standard_streams.hpp"

namespace comq {

namespace {

std::atomic<bool> quiet_process{false};

constexpr double terminal_interval_seconds = 0.1;
constexpr double line_interval_seconds = 10.0;
constexpr int bar_width = 24;
constexpr const char* erase_line = "\r\x1b[K";

double seconds_between(std::chrono::steady_clock::time_point a,
                       std::chrono::steady_clock::time_point b) {
    return std::chrono::duration<double>(b - a).count();
}

}  // namespace

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

void Progress::set_quiet(bool quiet) { quiet_process = quiet; }

Progress::Progress(std::string title, std::string unit, int64_t total)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      start_(Clock::now()),
      last_print_(start_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { finish(); }

std::string Progress::status_line(Clock::time_point now) const {
    const double elapsed = std::max(seconds_between(start_, now), 1e-9);
    const double rate = static_cast<double>(done_) / elapsed;
    const double share =
        total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
    std::string line = fmt::format("{:<28} ", title_);
    if (terminal_) {
        const int filled = static_cast<int>(std::lround(share * bar_width));
        line += fmt::format("[{:=<{}}{:<{}}] ", "", filled, "", bar_width - filled);
    }
    line += fmt::format("{}/{} {}, {:.1f}/s", done_, total_, unit_, rate);
    if (done_ < total_ && done_ > 0) {
        line += ", " + format_duration(static_cast<double>(total_ - done_) / rate) + " left";
    } else {
        line += ", " + format_duration(elapsed);
    }
    if (!note_.empty()) line += "  " + note_;
    return line;
}

void Progress::advance(int64_t amount, const std::string& note) {
    const std::lock_guard lock(mutex_);
    done_ += amount;
    note_ = note;
    const auto now = Clock::now();
    const double interval = terminal_ ? terminal_interval_seconds : line_interval_seconds;
    if (quiet_process || seconds_between(last_print_, now) < interval) return;
    last_print_ = now;
    inform(fmt::format("{}{}{}", terminal_ ? erase_line : "", status_line(now),
                       terminal_ ? "" : "\n"));
}

void Progress::finish() {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = true;
    if (quiet_process) return;
    inform(fmt::format("{}{}\n", terminal_ ? erase_line : "", status_line(Clock::now())));
}

}  // namespace comq
