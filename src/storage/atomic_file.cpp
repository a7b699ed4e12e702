#include "storage/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/errors.hpp"
#include "storage/output_file.hpp"

namespace comq {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& file) {
    return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

const char* remedy_for(int code) {
    switch (code) {
        case ENOSPC:
        case EDQUOT:
            return "free some space or choose another folder";
        case EFBIG:
            return "raise the limit on file sizes (ulimit -f)";
        case ENOENT:
        case ENOTDIR:
            return "create the folder first";
        case EACCES:
        case EPERM:
        case EROFS:
            return "choose a folder you may write to";
        default:
            return "check the disk or choose another folder";
    }
}

/** Hidden, and unlike any name a reader looks for. */
std::filesystem::path temporary_name(const std::filesystem::path& file) {
    static std::atomic<unsigned> counter{0};
    return folder_of(file) /
           fmt::format(".{}.{}-{}.tmp", file.filename().string(), ::getpid(), counter++);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path file)
    : file_(std::move(file)), target_(output_target(file_)) {
    // A process with our id on another host, or one that was killed, may have left such a name.
    do {
        temporary_ = temporary_name(target_);
        fd_ = FileDescriptor(
            ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    } while (!fd_ && errno == EEXIST);
    if (!fd_) fail("created");
}

AtomicFile::~AtomicFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        // Linux writes at most 2 GiB at a time; smaller pieces let a signal be seen between them.
        const std::size_t piece = std::min(bytes.size(), std::size_t{1} << 26);
        const ssize_t written = ::write(fd_.get(), bytes.data(), piece);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("written");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

void AtomicFile::commit() {
    if (::fsync(fd_.get()) != 0 || fd_.reset() != 0) fail("written");
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("moved into place");
    temporary_.clear();
    const FileDescriptor folder(
        ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some network file systems can't sync folders and say so with EINVAL.
    if (!folder || (::fsync(folder.get()) != 0 && errno != EINVAL)) fail("synced to disk");
}

void AtomicFile::fail(const char* action) const {
    const int code = errno;
    const std::string message = fmt::format("{}: can't be {}: {} ({})", file_.string(), action,
                                            system_message(code), remedy_for(code));
    if (code == EFBIG) throw Interrupted("{}", message);
    throw Failure("{}", message);
}

void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes) {
    AtomicFile out(file);
    out.write(bytes);
    out.commit();
}

void write_text_atomically(const std::filesystem::path& file, std::string_view text) {
    write_file_atomically(file, std::as_bytes(std::span(text)));
}

}  // namespace comq
