#include "data/file_reader.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/errors.hpp"
#include "core/input_file.hpp"

namespace comq {

namespace {

int64_t nanoseconds(const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileVersion version_in(const struct stat& status) {
    return {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino),
            static_cast<uint64_t>(status.st_size), nanoseconds(status.st_mtim),
            nanoseconds(status.st_ctim)};
}

}  // namespace

std::string FileVersion::text() const {
    return fmt::format("{} {} {} {} {}", device, inode, bytes, modified, changed);
}

std::optional<FileVersion> version_of(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return std::nullopt;
    return version_in(status);
}

RandomAccessFile::RandomAccessFile(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(open_input(path_)) {
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) {
        throw InputError("{}: can't be examined: {}", path_.string(), system_message());
    }
    version_ = version_in(status);
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
