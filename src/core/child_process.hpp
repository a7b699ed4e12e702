#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comq {

/**
 * Whether a variable of the environment tells a process that it is one of several ranks, as
 * mpirun and srun say it to their children, whose children inherit it.
 */
bool announces_ranks(std::string_view variable);

/**
 * A program in a process group of its own, so that Ctrl-C reaches only the launcher, which decides
 * what its children do. It gets SIGTERM when the launcher dies, and nothing of what
 * the launcher's environment says of ranks: it is a process alone.
 */
class ChildProcess {
  public:
    enum class Log { replaced, appended };

    /**
     * Writes both streams to `log`. Throws Failure when that can't be written; a program that can't
     * be started says so there and exits with 127.
     */
    ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& log,
                 Log mode = Log::replaced);
    /** Stops a child that is still running with SIGTERM and waits for it. */
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t pid() const { return pid_; }
    /** Sends a signal, unless the child has ended: SIGTERM asks a run to finish its layer. */
    void signal(int number);
    /** The exit code once it has ended; 128 + n: ended by signal n. Does not wait. */
    std::optional<int> ended();
    /** Waits for the end; the exit code as above. */
    int wait();

  private:
    std::optional<int> reap(int options);

    pid_t pid_ = -1;
    std::optional<int> exit_code_;
};

struct ShellResult {
    int exit_code = -1;  ///< 127: no such program; -1: ended by a signal
    std::string output;  ///< of standard output
};

/** Runs `command` in a shell and waits for it. Standard error goes where the command sends it. */
ShellResult run_shell(const std::string& command);

/** `word` as a POSIX shell reads it back: in quotes where it needs them. */
std::string shell_quoted(std::string_view word);

}  // namespace comq
