#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/mapped_file.hpp"

struct zip;

namespace comq {

/** A zip archive (zip64 too) in memory, read through libzip with its checksums. */
class ZipArchive {
  public:
    struct Entry {
        std::string name;
        uint64_t index = 0;
        std::size_t size = 0;
        std::size_t compressed_size = 0;
        bool stored = false;  ///< as it is, not compressed
        /** Where its stored content lies in the file; none where that isn't known. */
        std::optional<std::size_t> stored_at = {};
    };

    /** Throws InputError naming the file. */
    explicit ZipArchive(const FileBytes& file);

    const std::vector<Entry>& entries() const { return entries_; }
    const Entry* find(const std::string& name) const;
    /**
     * The content of an entry, its checksum verified: a part of the file's own bytes, or else
     * decompressed. Throws InputError where the entry is damaged, or where all reads together would
     * unpack to more than the allowance: weights hardly compress, bombs do.
     */
    FileBytes read(const Entry& entry);
    /** Bytes that all reads together may unpack to: 16 times the file and 64 MiB. */
    std::size_t allowance() const;

  private:
    struct Discard {
        void operator()(zip* archive) const;
    };

    void find_stored();
    /** Calls `visit(offset, bytes)` with the content from beginning to end. */
    void unpack(const Entry& entry, const std::string& name,
                const std::function<void(std::size_t, std::span<const std::byte>)>& visit) const;

    FileBytes file_;
    std::unique_ptr<zip, Discard> archive_;
    std::vector<Entry> entries_;
    std::map<std::string, std::size_t> index_;
    std::size_t read_bytes_ = 0;      ///< of the file
    std::size_t unpacked_bytes_ = 0;  ///< that were made of them
};

}  // namespace comq
