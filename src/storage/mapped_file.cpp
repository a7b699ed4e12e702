#include "storage/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/errors.hpp"
#include "core/file_descriptor.hpp"

namespace comq {

FileBytes map_file(const std::filesystem::path& file, Mapping mapping) {
    const std::string name = file.string();
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) throw InputError("{}: can't be opened: {}", name, system_message());
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
        throw InputError("{}: can't be examined: {}", name, system_message());
    }
    if (!S_ISREG(status.st_mode)) throw InputError("{}: is not a regular file", name);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return {name, std::make_shared<const std::byte>(), 0};

    const int access = mapping == Mapping::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void* address = ::mmap(nullptr, size, access, MAP_PRIVATE, fd.get(), 0);
    if (address == MAP_FAILED) throw InputError("{}: can't be mapped: {}", name, system_message());
    const auto unmap = [size](const std::byte* begin) {
        ::munmap(const_cast<std::byte*>(begin), size);
    };
    return {name, std::shared_ptr<const std::byte>(static_cast<const std::byte*>(address), unmap),
            size};
}

FileBytes copy_bytes(std::string name, std::span<const std::byte> bytes) {
    std::shared_ptr<std::byte[]> buffer(new std::byte[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), buffer.get());
    return {std::move(name), std::shared_ptr<const std::byte>(buffer, buffer.get()), bytes.size()};
}

}  // namespace comq
