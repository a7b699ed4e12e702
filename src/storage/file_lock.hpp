#pragma once

#include <filesystem>

#include "storage/file_descriptor.hpp"

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

  private:
    std::filesystem::path lock_file_;
    FileDescriptor fd_;
};

}  // namespace comq
