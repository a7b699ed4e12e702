#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "core/file_descriptor.hpp"

namespace comq {

/**
 * Writes a file so that its name always holds either the old content or the complete new one,
 * whatever kills the process: into a temporary file of the same folder, which `commit` syncs and
 * renames. Without `commit` the temporary is removed. Errors are Failures naming the file and the
 * remedy; the old content stays.
 */
class AtomicFile {
  public:
    /** The folder must exist. */
    explicit AtomicFile(std::filesystem::path file);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    /** Appends. */
    void write(std::span<const std::byte> bytes);
    /** The existing, empty temporary file, for libraries that write by name. */
    const std::filesystem::path& temporary() const { return temporary_; }
    /** Syncs the content, renames it into place and syncs the folder. */
    void commit();

  private:
    [[noreturn]] void fail(const char* action) const;

    std::filesystem::path file_;
    std::filesystem::path temporary_;
    FileDescriptor fd_;
};

void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes);
void write_text_atomically(const std::filesystem::path& file, std::string_view text);

}  // namespace comq
