#include "data/file_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/errors.hpp"

namespace comq {

// Without O_NONBLOCK, opening a pipe that happens to be named like an image would wait for ever.
RandomAccessFile::RandomAccessFile(std::filesystem::path path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (!descriptor_) {
        throw InputError("{}: can't be opened: {}", path_.string(), system_message());
    }
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        throw InputError("{}: is not a regular file", path_.string());
    }
    size_ = static_cast<uint64_t>(status.st_size);
    modification_time_ = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

void RandomAccessFile::read(uint64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t count =
            ::pread(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            throw InputError("{}: reading at byte {} failed: {}", path_.string(), offset,
                             system_message());
        }
        if (count == 0) {
            throw InputError("{}: ends at byte {}, {} bytes too early", path_.string(), offset,
                             bytes.size());
        }
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += static_cast<uint64_t>(count);
    }
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
    const RandomAccessFile file(path);
    std::vector<std::byte> bytes(file.size());
    file.read(0, bytes);
    return bytes;
}

}  // namespace comq
