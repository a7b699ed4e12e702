#include "core/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/errors.hpp"

namespace comq {

namespace {

const char* kind_of(mode_t mode) {
    if (S_ISFIFO(mode)) return "pipe";
    if (S_ISDIR(mode)) return "folder";
    if (S_ISSOCK(mode)) return "socket";
    return "device";
}

}  // namespace

FileDescriptor open_input(const std::filesystem::path& file) {
    FileDescriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!opened) throw InputError("{}: can't be opened: {}", file.string(), system_message());
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) {
        throw InputError("{}: can't be examined: {}", file.string(), system_message());
    }
    if (!S_ISREG(status.st_mode)) {
        throw InputError("{}: is not a regular file but a {} (copy what it holds into a file)",
                         file.string(), kind_of(status.st_mode));
    }
    return opened;
}

std::string read_text(const std::filesystem::path& file, uint64_t begin, std::size_t most) {
    constexpr std::size_t piece = std::size_t{1} << 16;
    const FileDescriptor opened = open_input(file);
    std::string text;
    while (text.size() < most) {
        const std::size_t size = text.size();
        text.resize(size + std::min(piece, most - size));
        const ssize_t count = ::pread(opened.get(), text.data() + size, text.size() - size,
                                      static_cast<off_t>(begin + size));
        text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            throw InputError("{}: reading failed: {}", file.string(), system_message());
        }
        if (count == 0) break;
    }
    return text;
}

std::optional<std::string> text_if_readable(const std::filesystem::path& file, uint64_t begin,
                                            std::size_t most) {
    try {
        return read_text(file, begin, most);
    } catch (const InputError&) {
        return std::nullopt;
    }
}

}  // namespace comq
