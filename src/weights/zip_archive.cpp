#include "weights/zip_archive.hpp"

#include <fmt/format.h>
#include <zip.h>

#include "core/errors.hpp"

namespace comq {
namespace {

/** Deflate's best: 258 bytes from two bits. */
constexpr std::size_t max_expansion = 1032;

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
        constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
        if (zip_stat_index(archive_.get(), i, 0, &stat) != 0 || (stat.valid & needed) != needed) {
            throw damaged_file(file_.name, "entry {} of the zip archive can't be read", i);
        }
        entries_.push_back({stat.name, i, stat.size, stat.comp_size});
        if (!index_.emplace(stat.name, entries_.size() - 1).second) {
            throw InputError("{}: two entries of the zip archive are named '{}'", file_.name,
                             stat.name);
        }
    }
}

const ZipArchive::Entry* ZipArchive::find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
}

FileBytes ZipArchive::read(const Entry& entry) {
    const std::string name = fmt::format("{} ({})", file_.name, entry.name);
    // Entries of a hostile archive can overlap, or claim any size.
    if (entry.compressed_size > file_.size - read_bytes_ ||
        entry.size / max_expansion > entry.compressed_size) {
        throw damaged_file(name, "its size doesn't fit the file");
    }
    read_bytes_ += entry.compressed_size;

    std::shared_ptr<std::byte[]> buffer(new std::byte[entry.size]);
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> opened(
        zip_fopen_index(archive_.get(), entry.index, 0), zip_fclose);
    std::size_t done = 0;
    // One more read than there are bytes: the checksum is compared at the end.
    for (zip_int64_t got = 1; opened != nullptr && got > 0;) {
        std::byte beyond{};
        const bool full = done == entry.size;
        got = zip_fread(opened.get(), full ? &beyond : buffer.get() + done,
                        full ? 1 : entry.size - done);
        if (got == 0 && full) {
            return {name, std::shared_ptr<const std::byte>(buffer, buffer.get()), entry.size};
        }
        if (got > 0 && full) break;
        if (got > 0) done += static_cast<std::size_t>(got);
    }
    zip_error_t* error =
        opened != nullptr ? zip_file_get_error(opened.get()) : zip_get_error(archive_.get());
    throw damaged_file(name, "damaged after {} of {} bytes: {}", done, entry.size,
                       error->zip_err != ZIP_ER_OK ? zip_error_strerror(error) : "wrong length");
}

}  // namespace comq
