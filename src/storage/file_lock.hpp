#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/file_descriptor.hpp"

namespace comq {

/**
 * Keeps a second writer away from `file` while it lives, by a lock on the file beside it named
 * `file`.lock. The kernel releases the lock when its process ends in any way, so a killed run
 * leaves nothing to clean up. Holds between hosts where the file system supports flock().
 */
class FileLock {
  public:
    /** Throws Failure naming the holder (process, host) when somebody else has the lock. */
    explicit FileLock(const std::filesystem::path& file);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

    /**
     * Waits until nobody else has the lock; null when `stop` becomes true before. When it has to
     * wait, `on_wait` is called once with who has it, as lock_holder() says it.
     */
    static std::unique_ptr<FileLock> wait(
        const std::filesystem::path& file, const std::atomic<bool>& stop,
        const std::function<void(const std::string& holder)>& on_wait = {});

  private:
    FileLock(std::filesystem::path lock_file, FileDescriptor fd);

    std::filesystem::path lock_file_;
    FileDescriptor fd_;
};

/** As locks name their holder: "process 12 on host a". */
std::string this_process();

/** Who has the lock of `file` ("process 12 on host a"); none when nobody has. */
std::optional<std::string> lock_holder(const std::filesystem::path& file);

}  // namespace comq
