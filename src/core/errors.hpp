#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace comq {

/** Exit codes of every program (configs/README.md). */
enum class ExitCode : int {
    done = 0,
    failure = 1,       ///< anything without a code of its own
    usage = 2,         ///< bad command line or config: what it names is not there, or not listed
    bad_input = 3,     ///< corrupt checkpoint, image, cache or result file
    gate_failed = 4,   ///< the full-precision accuracy is not the expected one
    interrupted = 75,  ///< stopped by a signal; `--resume` continues
};

/**
 * An error for the user: one line that names the file, key, line or tensor and the remedy.
 * Programs print `what()` and exit with `exit_code()`. Control characters, which names inside a
 * hostile file may hold, are escaped in it; line breaks only in those of ExitCode::bad_input, since
 * a config has a line for each of its problems.
 */
class Error : public std::runtime_error {
  public:
    Error(ExitCode exit_code, const std::string& message);
    ExitCode exit_code() const noexcept { return exit_code_; }

  private:
    ExitCode exit_code_;
};

/** Defines an error type whose constructor formats its message. */
template <ExitCode code>
class FormattedError : public Error {
  public:
    template <typename... Args>
    explicit FormattedError(fmt::format_string<Args...> format, Args&&... args)
        : Error(code, fmt::format(format, std::forward<Args>(args)...)) {}
};

using Failure = FormattedError<ExitCode::failure>;
using UsageError = FormattedError<ExitCode::usage>;
using InputError = FormattedError<ExitCode::bad_input>;
using GateError = FormattedError<ExitCode::gate_failed>;
using Interrupted = FormattedError<ExitCode::interrupted>;

/** The error of a file that did not arrive whole: "FILE: what (download it again)". */
template <typename... Args>
InputError damaged_file(const std::string& file, fmt::format_string<Args...> what, Args&&... args) {
    return InputError("{}: {} (download it again)", file,
                      fmt::format(what, std::forward<Args>(args)...));
}

}  // namespace comq
