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
    /** Appends both streams to `log`. Throws Failure when it can't be started. */
    ChildProcess(const std::vector<std::string>& command, const std::filesystem::path& log);
    /** Stops a child that is still running with SIGTERM and waits for it. */
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /** Asks it to finish the layer it is at and to exit. */
    void stop();
    /** The exit code once it has ended; 128 + n: ended by signal n. Does not wait. */
    std::optional<int> ended();

  private:
    std::optional<int> wait(int options);

    pid_t pid_ = -1;
    std::optional<int> exit_code_;
};

}  // namespace comq
