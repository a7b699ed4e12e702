#include "fuzz/fuzz_target.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <system_error>

#include "core/file_descriptor.hpp"

namespace comq::fuzz {

namespace fs = std::filesystem;

namespace {

template <std::unsigned_integral Number>
void append(std::vector<std::byte>& bytes, Number number) {
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        bytes.push_back(static_cast<std::byte>(number >> (8 * i)));
    }
}

void append(std::vector<std::byte>& bytes, std::string_view text) {
    const auto more = std::as_bytes(std::span(text));
    bytes.insert(bytes.end(), more.begin(), more.end());
}

/** What the header of an entry and its line in the directory have in common. */
void append_description(std::vector<std::byte>& bytes, const ZipContent& entry) {
    const auto* content = reinterpret_cast<const Bytef*>(entry.bytes.data());
    const auto size = static_cast<uint32_t>(entry.bytes.size());
    append(bytes, uint16_t{20});            // version
    append(bytes, uint16_t{0});             // flags
    append(bytes, uint16_t{0});             // stored
    append(bytes, uint32_t{0x21U << 16U});  // 1980-01-01
    append(bytes, static_cast<uint32_t>(crc32(0, content, size)));
    append(bytes, size);
    append(bytes, size);
    append(bytes, static_cast<uint16_t>(entry.name.size()));
    append(bytes, uint16_t{0});  // no extra field
}

}  // namespace

void check_message(const Error& error, Lines lines) {
    const std::string_view message = error.what();
    const auto shown = [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || (c == '\n' && lines == Lines::several);
    };
    if (message.empty() || !std::ranges::all_of(message, shown)) {
        throw std::logic_error(fmt::format("an error that is no line of text: {}", message));
    }
}

void touch(const TensorMap& tensors) {
    unsigned sum = 0;
    for (const auto& [name, tensor] : tensors) {
        for (const std::byte byte : tensor.bytes()) sum += std::to_integer<unsigned>(byte);
    }
    [[maybe_unused]] static volatile unsigned used = 0;
    used = sum;
}

MemoryFile::MemoryFile(const std::string& name) {
    std::error_code none;
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory, none) ? memory : fs::temp_directory_path();
    std::string folder = parent / "comq_fuzz_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), folder);
    }
    path_ = fs::path(folder) / name;
}

MemoryFile::~MemoryFile() {
    std::error_code ignored;
    fs::remove_all(path_.parent_path(), ignored);
}

void MemoryFile::write(Bytes content) const {
    const FileDescriptor file(::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
    while (!content.empty()) {
        const ssize_t written = ::write(file.get(), content.data(), content.size());
        if (written <= 0) throw std::system_error(errno, std::generic_category(), path_.string());
        content = content.subspan(static_cast<std::size_t>(written));
    }
}

FileAndArguments file_and_arguments(std::string_view text) {
    constexpr std::string_view separator = "\n===\n";
    const std::size_t end = text.find(separator);
    FileAndArguments result{text.substr(0, end), {}};
    if (end == std::string_view::npos) return result;
    text.remove_prefix(end + separator.size());
    while (!text.empty()) {
        const std::size_t line = std::min(text.find('\n'), text.size());
        // The system ends an argument there.
        result.arguments.emplace_back(text.substr(0, std::min(line, text.find('\0'))));
        text.remove_prefix(std::min(line + 1, text.size()));
    }
    return result;
}

std::vector<std::byte> stored_zip(const std::vector<ZipContent>& entries) {
    std::vector<std::byte> archive;
    std::vector<std::byte> directory;
    for (const ZipContent& entry : entries) {
        append(directory, uint32_t{0x02014b50});
        append(directory, uint16_t{20});  // made by
        append_description(directory, entry);
        append(directory, uint16_t{0});  // no comment
        append(directory, uint16_t{0});  // disk
        append(directory, uint16_t{0});  // internal attributes
        append(directory, uint32_t{0});  // external ones
        append(directory, static_cast<uint32_t>(archive.size()));
        append(directory, entry.name);
        append(archive, uint32_t{0x04034b50});
        append_description(archive, entry);
        append(archive, entry.name);
        append(archive, entry.bytes);
    }
    const auto begin = static_cast<uint32_t>(archive.size());
    archive.insert(archive.end(), directory.begin(), directory.end());
    append(archive, uint32_t{0x06054b50});
    append(archive, uint32_t{0});  // disks
    append(archive, static_cast<uint16_t>(entries.size()));
    append(archive, static_cast<uint16_t>(entries.size()));
    append(archive, static_cast<uint32_t>(directory.size()));
    append(archive, begin);
    append(archive, uint16_t{0});  // no comment
    return archive;
}

}  // namespace comq::fuzz
