#include "weights/zip_archive.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <string_view>

#include "core/errors.hpp"

namespace comq {
namespace {

/** Deflate's best: 258 bytes from two bits. */
constexpr std::size_t max_expansion = 1032;

/** Times its own size, an archive may unpack to: pruned weights compress well, others hardly. */
constexpr std::size_t most_unpacked = 16;

std::string text_of(zip_error_t& error) {
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return text;
}

}  // namespace

void ZipArchive::Discard::operator()(zip* archive) const { zip_discard(archive); }

ZipArchive::ZipArchive(const FileBytes& file) : file_(file) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(file_.data.get(), file_.size, 0, &error);
    if (source != nullptr) archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    if (archive_ == nullptr) {
        zip_source_free(source);
        throw damaged_file(file_.name, "not a complete zip archive: {}", text_of(error));
    }
    zip_error_fini(&error);

    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
        zip_stat_t stat;
        constexpr zip_uint64_t needed =
            ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
        if (zip_stat_index(archive_.get(), i, 0, &stat) != 0 || (stat.valid & needed) != needed) {
            throw damaged_file(file_.name, "entry {} of the zip archive can't be read", i);
        }
        entries_.push_back({stat.name, i, stat.size, stat.comp_size,
                            stat.comp_method == ZIP_CM_STORE && stat.size == stat.comp_size});
        if (!index_.emplace(stat.name, entries_.size() - 1).second) {
            throw InputError("{}: two entries of the zip archive are named '{}'", file_.name,
                             stat.name);
        }
    }
    find_stored();
}

const ZipArchive::Entry* ZipArchive::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
}

/**
 * Headers stand before the contents of entries, which follow each other in the order of the
 * archive's directory in all that common writers make. Whatever is found elsewhere is unpacked.
 */
void ZipArchive::find_stored() {
    constexpr std::size_t header = 30, name_length = 26, extra_length = 28;
    constexpr std::size_t longest_descriptor = 24;  // behind a content
    constexpr std::string_view signature("PK\3\4", 4);
    const std::string_view text = file_.text();
    const auto number_at = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(text[at])) |
               static_cast<std::size_t>(static_cast<unsigned char>(text[at + 1])) << 8;
    };
    std::size_t position = 0;
    for (Entry& entry : entries_) {
        const auto begin =
            text.substr(0, std::min(position + longest_descriptor + signature.size(), text.size()))
                .find(signature, position);
        if (begin == std::string_view::npos || text.size() - begin < header) return;
        const std::size_t content =
            begin + header + number_at(begin + name_length) + number_at(begin + extra_length);
        if (content > text.size() || entry.compressed_size > text.size() - content ||
            text.substr(begin + header, number_at(begin + name_length)) != entry.name) {
            return;
        }
        if (entry.stored) entry.stored_at = content;
        position = content + entry.compressed_size;
    }
}

void ZipArchive::unpack(
    const Entry& entry, const std::string& name,
    const std::function<void(std::size_t, std::span<const std::byte>)>& visit) const {
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> opened(
        zip_fopen_index(archive_.get(), entry.index, 0), zip_fclose);
    std::vector<std::byte> buffer(std::size_t{256} << 10);
    std::size_t done = 0;
    // One more read than there are bytes: the checksum is compared at the end.
    for (zip_int64_t got = 1; opened != nullptr && got > 0;) {
        got = zip_fread(opened.get(), buffer.data(), buffer.size());
        if (got == 0 && done == entry.size) return;
        if (got <= 0 || static_cast<std::size_t>(got) > entry.size - done) break;
        visit(done, std::span(buffer).first(static_cast<std::size_t>(got)));
        done += static_cast<std::size_t>(got);
    }
    zip_error_t* error =
        opened != nullptr ? zip_file_get_error(opened.get()) : zip_get_error(archive_.get());
    throw damaged_file(name, "damaged after {} of {} bytes: {}", done, entry.size,
                       error->zip_err != ZIP_ER_OK ? zip_error_strerror(error) : "wrong length");
}

std::size_t ZipArchive::allowance() const {
    return most_unpacked * file_.size + (std::size_t{64} << 20);
}

FileBytes ZipArchive::read(const Entry& entry) {
    const std::string name = fmt::format("{} ({})", file_.name, entry.name);
    // Entries of a hostile archive can overlap, or claim any size.
    if (entry.compressed_size > file_.size - read_bytes_ ||
        entry.size / max_expansion > entry.compressed_size) {
        throw damaged_file(name, "its size doesn't fit the file");
    }
    read_bytes_ += entry.compressed_size;

    if (entry.stored_at) {
        bool same = true;
        unpack(entry, name, [&](std::size_t offset, std::span<const std::byte> bytes) {
            same = same && std::ranges::equal(bytes, file_.bytes().subspan(
                                                         *entry.stored_at + offset, bytes.size()));
        });
        if (same) return {name, file_.share(*entry.stored_at), entry.size};
    }
    if (entry.size > allowance() - unpacked_bytes_) {
        throw InputError(
            "{}: unpacks to more than {} times the archive (save it without compression)", name,
            most_unpacked);
    }
    unpacked_bytes_ += entry.size;
    std::shared_ptr<std::byte[]> buffer(new std::byte[entry.size]);
    unpack(entry, name, [&](std::size_t offset, std::span<const std::byte> bytes) {
        std::ranges::copy(bytes, buffer.get() + offset);
    });
    return {name, std::shared_ptr<const std::byte>(buffer, buffer.get()), entry.size};
}

}  // namespace comq
