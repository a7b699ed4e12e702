#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
    };

    /** Throws InputError naming the file. */
    explicit ZipArchive(const FileBytes& file);

    const std::vector<Entry>& entries() const { return entries_; }
    const Entry* find(const std::string& name) const;
    /**
     * The content of an entry, decompressed, its checksum verified. All reads together cost at
     * most what the file's own bytes can unpack to.
     */
    FileBytes read(const Entry& entry);

  private:
    struct Discard {
        void operator()(zip* archive) const;
    };

    FileBytes file_;
    std::unique_ptr<zip, Discard> archive_;
    std::vector<Entry> entries_;
    std::map<std::string, std::size_t> index_;
    std::size_t read_bytes_ = 0;
};

}  // namespace comq
