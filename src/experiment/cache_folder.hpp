#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

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
    /** Marks an entry as used now. */
    void touch(const std::filesystem::path& file) const;
    /** Removes the least recently used entries until the rest fits; never `keep`. */
    void evict(const std::filesystem::path& keep) const;

  private:
    std::filesystem::path folder_;
    int64_t limit_bytes_;
};

}  // namespace comq
