#pragma once

#include <sys/types.h>

#include <cstdint>
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

    bool running();
    void signal(int number) const;
    /** The exit code, or 128 + the number of the signal that ended it. */
    int wait();
    /** Most resident memory that it had, in bytes; once it has ended. */
    int64_t peak_memory() const { return peak_memory_; }

  private:
    void collect(int options);

    pid_t pid_ = -1;
    int status_ = 0;
    bool ended_ = false;
    int64_t peak_memory_ = 0;
};

std::string text_of(const std::filesystem::path& file);

}  // namespace comq::test
