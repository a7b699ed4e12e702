#include "storage/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/errors.hpp"

namespace comq {
namespace {

std::string this_process() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return fmt::format("process {} on host {}", ::getpid(), host.data());
}

std::string holder_written_in(int fd) {
    std::array<char, 512> text{};
    const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
    return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count))
                     : std::string("another process");
}

/** Whether the open file is still the one of that name: a holder removes it when it is done. */
bool still_named(int fd, const std::filesystem::path& name) {
    struct stat opened {};
    struct stat named {};
    return ::fstat(fd, &opened) == 0 && ::stat(name.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file) : lock_file_(file.string() + ".lock") {
    do {
        fd_ = FileDescriptor(::open(lock_file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
        if (!fd_) {
            throw Failure("{}: can't be created: {} (choose a folder you may write to)",
                          lock_file_.string(), system_message());
        }
        if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) {
                throw Failure("{}: {} is writing it (wait for it, or choose another output)",
                              file.string(), holder_written_in(fd_.get()));
            }
            throw Failure("{}: can't be locked: {} (choose a folder on a file system with locks)",
                          lock_file_.string(), system_message());
        }
    } while (!still_named(fd_.get(), lock_file_));

    const std::string holder = this_process();
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), holder.data(), holder.size(), 0) !=
                                              static_cast<ssize_t>(holder.size())) {
        const std::string why = system_message();
        ::unlink(lock_file_.c_str());
        throw Failure("{}: can't be written: {} (free some space)", lock_file_.string(), why);
    }
}

FileLock::~FileLock() { ::unlink(lock_file_.c_str()); }

}  // namespace comq
