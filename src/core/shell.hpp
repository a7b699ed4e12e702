#pragma once

#include <string>
#include <string_view>

namespace comq {

struct ShellResult {
    int exit_code = -1;  ///< 127: no such program; -1: ended by a signal
    std::string output;  ///< of standard output
};

/** Runs `command` in a shell and waits for it. Standard error goes where the command sends it. */
ShellResult run_shell(const std::string& command);

/** `word` as a POSIX shell reads it back: in quotes where it needs them. */
std::string shell_quoted(std::string_view word);

}  // namespace comq
