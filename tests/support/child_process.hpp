#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace comq::test {

/** A program of this build, running; its output goes to a file. Killed when the object ends. */
class ChildProcess {
  public:
    /** `arguments` start with the program. Both output streams end up in `output`. */
    ChildProcess(const std::vector<std::string>& arguments, const std::filesystem::path& output);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t pid() const { return pid_; }
    bool running();
    void signal(int number) const;
    /** The exit code, or 128 + the number of the signal that ended it. */
    int wait();

  private:
    pid_t pid_ = -1;
    int status_ = 0;
    bool ended_ = false;
};

std::string text_of(const std::filesystem::path& file);

}  // namespace comq::test
