#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"

namespace comq {

/**
 * What differs once a file may hold other bytes, and is known without reading it. The time of the
 * last change of the entry itself can't be set back, unlike that of the content.
 */
struct FileVersion {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t bytes = 0;
    int64_t modified = 0;  ///< nanoseconds since the epoch
    int64_t changed = 0;   ///< the same, of content, name or rights

    /** Words without line breaks, one blank between two. */
    std::string text() const;
};
/** None when there is no such file. */
std::optional<FileVersion> version_of(const std::filesystem::path& file);

/** A file read at any offset by any number of threads. All errors are InputErrors naming it. */
class RandomAccessFile {
  public:
    explicit RandomAccessFile(std::filesystem::path path);

    const std::filesystem::path& path() const { return path_; }
    uint64_t size() const { return version_.bytes; }
    /** As it was when the file was opened. */
    const FileVersion& version() const { return version_; }
    /** Fills `bytes` from `offset` on; a file that ends before is an error. */
    void read(uint64_t offset, std::span<std::byte> bytes) const;

  private:
    std::filesystem::path path_;
    FileDescriptor descriptor_;
    FileVersion version_;
};

std::vector<std::byte> read_file(const std::filesystem::path& path);

}  // namespace comq
