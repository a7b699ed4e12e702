#include "storage/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "core/errors.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

std::string holder_written_in(int fd) {
    std::array<char, 512> text{};
    const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
    return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count))
                     : std::string("another process");
}

/** A link or a pipe that is named like a lock is nothing to write to, nor to wait for. */
constexpr int lock_flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

bool is_regular(int fd) {
    struct stat opened {};
    return ::fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode);
}

/** Whether the open file is still the one of that name: a holder removes it when it is done. */
bool still_named(int fd, const fs::path& name) {
    struct stat opened {};
    struct stat named {};
    return ::fstat(fd, &opened) == 0 && ::stat(name.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/** The locked file, or none when somebody else has the lock. */
std::optional<FileDescriptor> try_lock(const fs::path& lock_file) {
    FileDescriptor fd;
    do {
        fd = FileDescriptor(::open(lock_file.c_str(), lock_flags | O_RDWR | O_CREAT, 0666));
        if (!fd) {
            throw Failure("{}: can't be created: {} (choose a folder you may write to)",
                          lock_file.string(), system_message());
        }
        if (!is_regular(fd.get())) {
            throw Failure("{}: is not a regular file (remove it, or choose another output)",
                          lock_file.string());
        }
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return std::nullopt;
            throw Failure("{}: can't be locked: {} (choose a folder on a file system with locks)",
                          lock_file.string(), system_message());
        }
    } while (!still_named(fd.get(), lock_file));
    return fd;
}

/** lock_holder() has the lock for a moment, which must not turn a run away. */
FileDescriptor lock_at_once(const fs::path& file, const fs::path& lock_file) {
    for (int attempt = 0; attempt < 5; ++attempt) {
        if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (auto fd = try_lock(lock_file)) return std::move(*fd);
    }
    throw Failure("{}: {} is writing it (wait for it, or choose another output)", file.string(),
                  lock_holder(file).value_or("another process"));
}

fs::path lock_file_of(const fs::path& file) { return file.string() + ".lock"; }

}  // namespace

std::string this_process() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return fmt::format("process {} on host {}", ::getpid(), host.data());
}

FileLock::FileLock(const fs::path& file)
    : FileLock(lock_file_of(file), lock_at_once(file, lock_file_of(file))) {}

FileLock::FileLock(fs::path lock_file, FileDescriptor fd)
    : lock_file_(std::move(lock_file)), fd_(std::move(fd)) {
    const std::string holder = this_process();
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), holder.data(), holder.size(), 0) !=
                                              static_cast<ssize_t>(holder.size())) {
        const std::string why = system_message();
        ::unlink(lock_file_.c_str());
        throw Failure("{}: can't be written: {} (free some space)", lock_file_.string(), why);
    }
}

FileLock::~FileLock() { ::unlink(lock_file_.c_str()); }

std::unique_ptr<FileLock> FileLock::wait(
    const fs::path& file, const std::atomic<bool>& stop,
    const std::function<void(const std::string& holder)>& on_wait) {
    const fs::path lock_file = lock_file_of(file);
    for (bool told = !on_wait; !stop;) {
        if (auto fd = try_lock(lock_file)) {
            return std::unique_ptr<FileLock>(new FileLock(lock_file, std::move(*fd)));
        }
        const auto holder = told ? std::nullopt : lock_holder(file);
        if (holder) {
            on_wait(*holder);
            told = true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return nullptr;
}

std::optional<std::string> lock_holder(const fs::path& file) {
    const FileDescriptor fd(::open(lock_file_of(file).c_str(), lock_flags | O_RDONLY));
    if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        return std::nullopt;
    }
    return holder_written_in(fd.get());
}

}  // namespace comq
