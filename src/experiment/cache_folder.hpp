#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "storage/file_lock.hpp"

namespace comq {

/**
 * A folder of files that can be made again, named by kind and key. Files are touched when used;
 * the least recently used are removed when the folder exceeds its limit.
 */
class CacheFolder {
  public:
    /** An empty `folder` switches the cache off: `file` then returns an empty path. */
    CacheFolder(std::filesystem::path folder, int64_t limit_bytes);

    bool enabled() const { return !folder_.empty(); }
    /** Where the entry lies or is to be written; creates the folder. */
    std::filesystem::path file(const std::string& kind, const std::string& key) const;
    /**
     * Held while the entry at `file` is made, so that of several runs that start at once one does
     * the work. Waits for the holder, which is said in one line. Null when the cache is off, when `stop` becomes true, and,
     * with a warning, where no lock can be had: then the work is done more than once.
     */
    std::unique_ptr<FileLock> lock(const std::filesystem::path& file,
                                   const std::atomic<bool>& stop) const;
    /** Has `hook` called before lock() waits for another process. */
    void on_wait(std::function<void()> hook) { on_wait_ = std::move(hook); }
    /** Marks an entry as used now. */
    void touch(const std::filesystem::path& file) const;
    /** Removes the least recently used entries until the rest fits; never `keep`. */
    void evict(const std::filesystem::path& keep) const;

  private:
    std::filesystem::path folder_;
    int64_t limit_bytes_;
    std::function<void()> on_wait_ = [] {};
};

}  // namespace comq
