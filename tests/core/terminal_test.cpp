#include "core/terminal.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "core/progress.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** While it lives, the standard error is the terminal or the pipe that it holds. */
class ErrorStream {
  public:
    static ErrorStream terminal(unsigned short columns) {
        ErrorStream stream;
        winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
        int writer = -1;
        REQUIRE(::openpty(&stream.reader_, &writer, nullptr, nullptr, &size) == 0);
        stream.take(writer);
        return stream;
    }
    static ErrorStream pipe() {
        ErrorStream stream;
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        stream.reader_ = ends[0];
        stream.take(ends[1]);
        return stream;
    }
    ErrorStream(ErrorStream&& other) noexcept : reader_(other.reader_), saved_(other.saved_) {
        other.saved_ = -1;
    }
    ~ErrorStream() {
        if (saved_ != -1) (void)text();
    }

    /** All that was written; the standard error is the old one again. */
    std::string text() {
        ::fcntl(reader_, F_SETFL, O_NONBLOCK);
        std::string all;
        std::array<char, 4096> buffer{};
        for (ssize_t n = 0; (n = ::read(reader_, buffer.data(), buffer.size())) > 0;) {
            all.append(buffer.data(), static_cast<std::size_t>(n));
        }
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
        ::close(reader_);
        saved_ = -1;
        return all;
    }

  private:
    ErrorStream() = default;
    void take(int writer) {
        ::setenv("TERM", "xterm", 1);
        saved_ = ::dup(STDERR_FILENO);
        ::dup2(writer, STDERR_FILENO);
        ::close(writer);
    }

    int reader_ = -1;
    int saved_ = -1;
};

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

}  // namespace

TEST_CASE("the size of the screen is that of the terminal now") {
    ErrorStream stream = ErrorStream::terminal(100);
    CHECK(screen_size().columns == 100);
    const winsize narrower{.ws_row = 10, .ws_col = 33, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(STDERR_FILENO, TIOCSWINSZ, &narrower);
    CHECK(screen_size().columns == 33);
    CHECK(screen_size().rows == 10);
    CHECK(error_is_terminal());
}

TEST_CASE("without a terminal the screen has 80 columns") {
    ErrorStream stream = ErrorStream::pipe();
    CHECK(screen_size().columns == 80);
    CHECK_FALSE(error_is_terminal());
}

TEST_CASE("a line that a narrower screen has broken is erased with all its rows") {
    CHECK(erasure(79, 80) == "\r\x1b[J");
    CHECK(erasure(80, 80) == "\r\x1b[J");
    CHECK(erasure(79, 40) == "\r\x1b[1A\x1b[J");
    CHECK(erasure(99, 20) == "\r\x1b[4A\x1b[J");
}

TEST_CASE("a stage leaves one line on a terminal, whatever is logged meanwhile") {
    ErrorStream stream = ErrorStream::terminal(80);
    {
        Progress progress("quantization", "layers", 2);
        progress.advance(1, "blocks.0.attn.qkv");
        inform("warning: something\n");
        progress.advance(1, "blocks.0.mlp.fc1");
    }
    const std::string text = stream.text();
    INFO(text);
    CHECK(count(text, "\n") == 2);
    // The bar is erased before the log line and drawn again below it.
    CHECK(count(text, "\r\x1b[Jwarning: something\r\nquantization") == 1);
    CHECK(text.ends_with("\r\n"));
    CHECK(count(text, "\r\x1b[Jquantization                2/2 layers") == 1);
}

TEST_CASE("of two bars one is seen, and each leaves its line") {
    ErrorStream stream = ErrorStream::terminal(80);
    {
        Progress outer("outer", "blocks", 1);
        Progress inner("inner", "images", 1);
        inner.advance();
        outer.advance();
    }
    const std::string text = stream.text();
    INFO(text);
    CHECK(count(text, "\n") == 2);
    CHECK(text.find("inner                       1/1") <
          text.find("outer                       1/1"));
}

TEST_CASE("a stage leaves one line in a log") {
    ErrorStream stream = ErrorStream::pipe();
    {
        Progress progress("calibration", "images", 100);
        for (int i = 0; i < 100; ++i) progress.advance();
    }
    const std::string text = stream.text();
    CHECK(text.starts_with("calibration                 100/100 images, "));
    CHECK(count(text, "\n") == 1);
    CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a SIGPIPE that somebody sends ends no program") {
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    prepare_standard_streams();
    CHECK(std::raise(SIGPIPE) == 0);
    std::signal(SIGPIPE, before);
}
