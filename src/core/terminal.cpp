#include "core/terminal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>

#include "core/errors.hpp"
#include "core/file_descriptor.hpp"
#include "core/text.hpp"

namespace comq {

namespace {

struct LiveLine {
    std::mutex mutex;
    std::string drawn;  ///< empty: there is none
};

/** Never destroyed, for threads and destructors of statics print too. */
LiveLine& line() {
    static LiveLine& only = *new LiveLine;
    return only;
}

void write(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

/** Erases the line and lets `print` write; what can't be written, for want of memory too, is lost.
 */
template <typename Print>
void in_its_place(const Print& print) noexcept {
    try {
        const std::lock_guard lock(line().mutex);
        std::string& drawn = line().drawn;
        if (!drawn.empty()) write(erasure(display_width(drawn), screen_size().columns));
        print(drawn);
        std::fflush(stderr);
    } catch (...) {
        return;
    }
}

}  // namespace

ScreenSize screen_size() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) {
        return {};
    }
    return {size.ws_row, size.ws_col};
}

bool error_is_terminal() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

bool output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

std::string erasure(std::size_t width, std::size_t columns) {
    const std::size_t rows_above = width > 0 ? (width - 1) / std::max<std::size_t>(columns, 1) : 0;
    return rows_above > 0 ? fmt::format("\r\x1b[{}A\x1b[J", rows_above) : "\r\x1b[J";
}

namespace live_line {

void show(std::string_view text) noexcept {
    if (!error_is_terminal()) return;
    in_its_place([&](std::string& drawn) {
        drawn = text;
        write(drawn);
    });
}

void close(std::string_view text) noexcept {
    in_its_place([&](std::string& drawn) {
        drawn.clear();
        write(text);
    });
}

}  // namespace live_line

void inform(std::string_view text) noexcept {
    in_its_place([&](std::string& drawn) {
        write(text);
        if (!text.ends_with('\n')) drawn.clear();
        write(drawn);
    });
}

void write_to_standard_error(std::string_view text) noexcept {
    // Nothing is left to do where this can't be written.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void prepare_standard_streams() {
    // open() takes the lowest free descriptor, so the ones below are filled first.
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) ::open("/dev/null", O_RDWR);
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

void end_where_nobody_reads() {
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    if (::poll(&output, 1, 0) != 1 || (output.revents & POLLERR) == 0) return;
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
}

void flush_standard_output() {
    std::cout.flush();
    errno = 0;
    const bool flushed = std::fflush(stdout) == 0;
    const int reason = errno;
    if (flushed && std::ferror(stdout) == 0 && std::cout.good()) return;
    end_where_nobody_reads();
    throw Failure("the standard output could not be written{}{}", reason == 0 ? "" : ": ",
                  reason == 0 ? "" : system_message(reason));
}

}  // namespace comq
