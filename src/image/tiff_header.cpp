#include <fmt/format.h>

#include <map>
#include <set>

#include "image/format_headers.hpp"

namespace comq {

namespace {

/** Fields of a TIFF's first directory, by their number in the format. */
enum class TiffField : uint32_t {
    width = 256,
    height = 257,
    bits = 258,
    compression = 259,
    photometric = 262,
    strip_offsets = 273,
    orientation = 274,
    samples = 277,
    strip_bytes = 279,
    planes = 284,
    extra_samples = 338,
    sample_format = 339,
};

/** A field's values; types other than integers count as none. */
struct TiffEntry {
    uint64_t offset = 0;  ///< of the first value
    uint64_t count = 0;
    uint32_t bytes = 0;  ///< of a value: 2 or 4
};

class TiffDirectory {
  public:
    TiffDirectory(const FileBytes& file, const std::string& name) : file_(file) {
        const uint64_t begin = file.u32(4);
        const uint64_t entries = file.u16(begin);
        if (begin < 8 || begin + 2 + 12 * entries > file.size()) {
            throw broken_image(name, "the TIFF ends before its directory");
        }
        std::set<uint32_t> given;
        for (uint64_t i = 0; i < entries; ++i) {
            const uint64_t at = begin + 2 + 12 * i;
            // Which one counts, libtiff and Pillow do not agree about.
            if (!given.insert(file.u16(at)).second) {
                throw broken_image(name, fmt::format("the TIFF has field {} twice", file.u16(at)));
            }
            const uint32_t type = file.u16(at + 2);
            if (type != 3 && type != 4) continue;
            TiffEntry entry{at + 8, file.u32(at + 4), type == 3 ? 2U : 4U};
            if (entry.count * entry.bytes > 4) entry.offset = file.u32(at + 8);
            entries_[file.u16(at)] = entry;
        }
    }

    uint64_t count(TiffField field) const {
        const auto found = entries_.find(static_cast<uint32_t>(field));
        return found == entries_.end() ? 0 : found->second.count;
    }
    uint32_t value(TiffField field, uint32_t absent, uint64_t i = 0) const {
        const auto found = entries_.find(static_cast<uint32_t>(field));
        if (found == entries_.end() || i >= found->second.count) return absent;
        const auto& [offset, count, bytes] = found->second;
        return bytes == 2 ? file_.u16(offset + 2 * i) : file_.u32(offset + 4 * i);
    }
    /** Whether the file holds all values of a field. */
    bool is_whole(TiffField field) const {
        const auto found = entries_.find(static_cast<uint32_t>(field));
        if (found == entries_.end()) return true;
        const auto& [offset, count, bytes] = found->second;
        return offset <= file_.size() && count <= (file_.size() - offset) / bytes;
    }
    bool all(TiffField field, uint32_t wanted) const {
        for (uint64_t i = 0; i < count(field); ++i) {
            if (value(field, 0, i) != wanted) return false;
        }
        return true;
    }

  private:
    FileBytes file_;
    std::map<uint32_t, TiffEntry> entries_;
};

/** Empty for what OpenCV and Pillow decode alike: 8-bit grey or RGB, losslessly packed. */
std::string odd_variant(const TiffDirectory& tiff) {
    switch (tiff.value(TiffField::compression, 1)) {
        case 1:      // none
        case 5:      // LZW
        case 8:      // deflate
        case 32946:  // the same by its older number
        case 32773:  // packed bits
            break;
        default:
            return "a TIFF with lossy or rare compression";
    }
    const uint32_t photometric = tiff.value(TiffField::photometric, 99);
    const uint32_t samples = tiff.value(TiffField::samples, 1);
    if (tiff.count(TiffField::extra_samples) > 0 || samples == 2 || samples > 3) {
        return "a TIFF with an alpha channel or further ones";
    }
    const bool grey = photometric == 1 && samples == 1;
    const bool rgb = photometric == 2 && samples == 3;
    if (!grey && !rgb) return "a TIFF that is neither grey (black is 0) nor RGB";
    if (tiff.count(TiffField::bits) != samples || !tiff.all(TiffField::bits, 8) ||
        !tiff.all(TiffField::sample_format, 1)) {
        return "a TIFF of other than 8 bits a sample";
    }
    if (tiff.value(TiffField::planes, 1) != 1) return "a TIFF with separate planes";
    if (tiff.value(TiffField::orientation, 1) != 1) return "a rotated or mirrored TIFF";
    if (tiff.count(TiffField::strip_offsets) == 0) return "a TIFF in tiles";
    return "";
}

}  // namespace

ImageHeader read_tiff_header(const FileBytes& bytes, const std::string& name) {
    const bool big = bytes.u8(0) == 'M';
    const FileBytes file(bytes.bytes(), big ? std::endian::big : std::endian::little);
    const TiffDirectory tiff(file, name);
    if (const std::string odd = odd_variant(tiff); !odd.empty()) throw unlike_pillow(name, odd);
    if (!tiff.is_whole(TiffField::strip_offsets) || !tiff.is_whole(TiffField::strip_bytes)) {
        throw broken_image(name, "the TIFF ends before the list of its strips");
    }
    // What is missing, libtiff fills.
    for (uint64_t i = 0; i < tiff.count(TiffField::strip_offsets); ++i) {
        const uint64_t end = uint64_t{tiff.value(TiffField::strip_offsets, 0, i)} +
                             tiff.value(TiffField::strip_bytes, 0, i);
        if (end > file.size()) throw broken_image(name, "the TIFF ends before its last strip");
    }
    return {ImageFormat::tiff, tiff.value(TiffField::height, 0), tiff.value(TiffField::width, 0)};
}

}  // namespace comq
