#pragma once

#include <string>

namespace comq {

struct ShellResult {
    int exit_code = -1;  ///< 127: no such program; -1: ended by a signal
    std::string output;  ///< of standard output
};

/** Runs `command` in a shell and waits for it. Standard error goes where the command sends it. */
ShellResult run_shell(const std::string& command);

}  // namespace comq
