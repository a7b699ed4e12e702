#include "core/standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <system_error>

#include "core/errors.hpp"
#include "core/terminal.hpp"

namespace comq {

void prepare_standard_streams() {
    // open() takes the lowest free descriptor, so the ones below are filled first.
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) ::open("/dev/null", O_RDWR);
    }
    std::signal(SIGPIPE, SIG_IGN);
}

void inform(std::string_view text) noexcept { live_line::print_above(text); }

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
                  reason == 0 ? "" : std::generic_category().message(reason));
}

}  // namespace comq
