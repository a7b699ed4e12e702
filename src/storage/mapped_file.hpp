#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace comq {

/** The bytes of a file: memory-mapped by `map_file`, or in a buffer. Copies share them. */
struct FileBytes {
    std::string name;  ///< for messages
    std::shared_ptr<const std::byte> data;
    std::size_t size = 0;

    std::span<const std::byte> bytes() const { return {data.get(), size}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data.get()), size}; }
    /** A pointer to byte `offset` that keeps the file's bytes alive. */
    std::shared_ptr<const std::byte> share(std::size_t offset) const {
        return {data, data.get() + offset};
    }
};

/** What may be done to mapped bytes. */
enum class Mapping {
    read_only,
    copy_on_write,  ///< those who share them may write to them: to copies of pages, not to the file
};

/**
 * Maps a regular file; it stays mapped while anything shares its bytes, and pages are read when
 * first touched. A file that is truncated meanwhile, or whose disk fails, ends the process with a
 * line that names it and ExitCode::bad_input (files replaced by rename, as `AtomicFile` does, are
 * safe). Throws InputError naming the file when it can't be mapped.
 */
FileBytes map_file(const std::filesystem::path& file, Mapping mapping = Mapping::read_only);

/** A copy of `bytes` under a name. */
FileBytes copy_bytes(std::string name, std::span<const std::byte> bytes);

}  // namespace comq
