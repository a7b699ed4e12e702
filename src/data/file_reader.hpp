#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/file_descriptor.hpp"

namespace comq {

/** A file read at any offset by any number of threads. All errors are InputErrors naming it. */
class RandomAccessFile {
  public:
    explicit RandomAccessFile(std::filesystem::path path);

    const std::filesystem::path& path() const { return path_; }
    uint64_t size() const { return size_; }
    /** Nanoseconds since the epoch. */
    int64_t modification_time() const { return modification_time_; }
    /** Fills `bytes` from `offset` on; a file that ends before is an error. */
    void read(uint64_t offset, std::span<std::byte> bytes) const;

  private:
    std::filesystem::path path_;
    FileDescriptor descriptor_;
    uint64_t size_ = 0;
    int64_t modification_time_ = 0;
};

std::vector<std::byte> read_file(const std::filesystem::path& path);

}  // namespace comq
