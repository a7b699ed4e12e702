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
 * renames; a link stays, the file that it leads to is replaced. Without `commit` the temporary is
 * removed. Errors name the file and the remedy, and the old content stays: UsageError for what
 * output_target() refuses, Interrupted at the limit on file sizes, which SIGXFSZ would announce,
 * Failure otherwise.
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

    std::filesystem::path file_;    ///< as named, for messages
    std::filesystem::path target_;  ///< behind links
    std::filesystem::path temporary_;
    FileDescriptor fd_;
};

void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes);
void write_text_atomically(const std::filesystem::path& file, std::string_view text);

}  // namespace comq
