#include "storage/mapped_file.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/terminal.hpp"

namespace comq {

namespace {

/** A mapped file, where a signal handler can look it up: without locks, without allocating. */
struct MappedRange {
    std::atomic<bool> taken{false};
    std::atomic<const std::byte*> begin{nullptr};  ///< set once the rest is
    std::size_t size = 0;
    std::array<char, 256> name{};

    bool holds(const std::byte* address) const {
        const std::byte* first = begin.load();
        return first != nullptr && address >= first && address < first + size;
    }
};

/** A file beyond so many at a time is mapped all the same, but not named. */
std::array<MappedRange, 256> mapped_ranges;

/** A page that the file does not have any more, or that the disk can't read. */
void on_bus_error(int signal, siginfo_t* info, void*) {
    const auto* address = static_cast<const std::byte*>(info->si_addr);
    for (const MappedRange& range : mapped_ranges) {
        if (!range.holds(address)) continue;
        write_to_standard_error("error: ");
        write_to_standard_error({range.name.data(), std::strlen(range.name.data())});
        write_to_standard_error(
            ": became shorter while it was read, or its disk fails (restore it and start again)\n");
        ::_exit(static_cast<int>(ExitCode::bad_input));
    }
    std::signal(signal, SIG_DFL);  // not ours: the access is repeated, and ends the process
}

void catch_bus_errors() {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
}

/** None: all are taken. */
MappedRange* remember(const std::string& name, const std::byte* begin, std::size_t size) {
    for (MappedRange& range : mapped_ranges) {
        if (range.taken.exchange(true)) continue;
        range.size = size;
        const std::size_t length = std::min(name.size(), range.name.size() - 1);
        std::copy_n(name.data(), length, range.name.data());
        range.name[length] = '\0';
        range.begin = begin;
        return &range;
    }
    return nullptr;
}

void forget(MappedRange& range) {
    range.begin = nullptr;
    range.taken = false;
}

}  // namespace

FileBytes map_file(const std::filesystem::path& file, Mapping mapping) {
    const std::string name = file.string();
    const FileDescriptor fd = open_input(file);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        throw InputError("{}: can't be examined: {}", name, system_message());
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return {name, std::make_shared<const std::byte>(), 0};

    const int access = mapping == Mapping::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void* address = ::mmap(nullptr, size, access, MAP_PRIVATE, fd.get(), 0);
    if (address == MAP_FAILED && errno == ENOMEM) throw std::bad_alloc();
    if (address == MAP_FAILED) throw InputError("{}: can't be mapped: {}", name, system_message());
    [[maybe_unused]] static const bool caught = (catch_bus_errors(), true);
    const auto* mapped = static_cast<const std::byte*>(address);
    MappedRange* range = remember(name, mapped, size);
    const auto unmap = [size, range](const std::byte* begin) {
        if (range != nullptr) forget(*range);
        ::munmap(const_cast<std::byte*>(begin), size);
    };
    return {name, std::shared_ptr<const std::byte>(mapped, unmap), size};
}

FileBytes copy_bytes(std::string name, std::span<const std::byte> bytes) {
    std::shared_ptr<std::byte[]> buffer(new std::byte[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), buffer.get());
    return {std::move(name), std::shared_ptr<const std::byte>(buffer, buffer.get()), bytes.size()};
}

}  // namespace comq
