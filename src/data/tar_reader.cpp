#include "data/tar_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/errors.hpp"
#include "data/folder_source.hpp"
#include "data/unpacked_files.hpp"

namespace comq {

namespace {

constexpr uint64_t block_bytes = 512;
/** A name longer than this is damage, not a name; it bounds what a header can make us read. */
constexpr uint64_t longest_extension = 1 << 20;

using Block = std::array<char, block_bytes>;

std::string_view field(const Block& block, std::size_t offset, std::size_t length) {
    const std::string_view text(block.data() + offset, length);
    return text.substr(0, text.find('\0'));
}

std::optional<uint64_t> octal(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return 0;
    text = text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/** Octal digits, or, with the highest bit set, a big-endian binary number (GNU). */
std::optional<uint64_t> size_of_member(const Block& block) {
    constexpr std::size_t offset = 124;
    constexpr std::size_t length = 12;
    if ((static_cast<unsigned char>(block[offset]) & 0x80U) == 0) {
        return octal(field(block, offset, length));
    }
    uint64_t value = 0;
    for (std::size_t i = length - 8; i < length; ++i) {
        value = (value << 8) | static_cast<unsigned char>(block[offset + i]);
    }
    return value;
}

bool checksum_holds(const Block& block) {
    constexpr std::size_t offset = 148;
    constexpr std::size_t length = 8;
    uint64_t sum = 0;
    for (std::size_t i = 0; i < block.size(); ++i) {
        const bool own = i >= offset && i < offset + length;
        sum += own ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(block[i]);
    }
    return octal(field(block, offset, length)) == sum;
}

bool is_zero(const Block& block) {
    return std::all_of(block.begin(), block.end(), [](char c) { return c == '\0'; });
}

std::string name_of_member(const Block& block) {
    std::string name(field(block, 0, 100));
    const bool has_prefix = std::string_view(block.data() + 257, 6) == std::string_view("ustar", 6);
    const std::string_view prefix = has_prefix ? field(block, 345, 155) : std::string_view();
    return prefix.empty() ? name : std::string(prefix) + "/" + name;
}

/** The part of extension headers about the member that follows them. */
struct Extension {
    std::optional<std::string> name;
    std::optional<std::string> link;  ///< what the member links to
    std::optional<uint64_t> size;
    bool sparse = false;
};

/** pax: lines `<length of the line> <key>=<value>\n`. */
bool read_pax(std::string_view text, Extension& extension) {
    while (!text.empty()) {
        std::size_t length = 0;
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), length, 10);
        const auto digits = static_cast<std::size_t>(end - text.data());
        if (error != std::errc{} || length > text.size() || length < digits + 2 ||
            text[length - 1] != '\n')
            return false;
        const std::string_view record = text.substr(digits + 1, length - digits - 2);
        const std::size_t equals = record.find('=');
        if (equals == std::string_view::npos) return false;
        const std::string_view value = record.substr(equals + 1);
        const std::string_view key = record.substr(0, equals);
        if (key == "path") extension.name = std::string(value);
        if (key == "linkpath") extension.link = std::string(value);
        if (key.starts_with("GNU.sparse.")) extension.sparse = true;
        if (key == "size") {
            uint64_t size = 0;
            const auto parsed = std::from_chars(value.data(), value.data() + value.size(), size);
            if (parsed.ec != std::errc{}) return false;
            extension.size = size;
        }
        text.remove_prefix(length);
    }
    return true;
}

/** What a compressed file begins with, and the program that unpacks it. */
void refuse_compressed(const RandomAccessFile& file) {
    using namespace std::string_view_literals;
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> programs{
        {{"\x1F\x8B"sv, "gunzip"sv},
         {"BZh"sv, "bunzip2"sv},
         {"\xFD"
          "7zXZ"sv,
          "unxz"sv},
         {"\x28\xB5\x2F\xFD"sv, "unzstd"sv}}};
    std::array<char, 6> begin{};
    if (file.size() < begin.size()) return;
    file.read(0, std::as_writable_bytes(std::span(begin)));
    for (const auto& [magic, program] : programs) {
        if (!std::string_view(begin.data(), begin.size()).starts_with(magic)) continue;
        throw InputError("{}: is compressed, and images are read in place; unpack it with {} first",
                         file.path().string(), program);
    }
}

class TarReader {
  public:
    TarReader(const RandomAccessFile& file, uint64_t begin, uint64_t end)
        : file_(file), position_(begin), end_(end) {}

    std::vector<TarMember> read() {
        Extension extension;
        for (Block block; read_header(block);) {
            const uint64_t header = position_ - block_bytes;
            uint64_t size = checked_size(block, header);
            const char type = block[156];
            if (type == 'L' || type == 'K' || type == 'x') {
                read_extension(type, size, header, extension);
            } else if (type != 'g') {
                const bool has_data = type < '1' || type > '6';  // links and folders have none
                size = has_data ? extension.size.value_or(size) : 0;
                add(block, extension, header, size);
                extension = {};
            }
            skip(size, header);
        }
        std::vector<DanglingLink> dangling;
        std::vector<TarMember> files = unpacked_.take_files(dangling);
        for (const DanglingLink& link : dangling) check_link(files, link);
        return files;
    }

  private:
    [[noreturn]] void fail(uint64_t offset, std::string_view reason) const {
        throw InputError("{}: byte {}: {}; is the archive complete?", file_.path().string(), offset,
                         reason);
    }

    /** False at the block of zeros that closes an archive. */
    bool read_header(Block& block) {
        if (position_ + block_bytes > end_) {
            fail(position_, "the archive ends without its closing block");
        }
        file_.read(position_, std::as_writable_bytes(std::span(block)));
        if (is_zero(block)) return false;
        if (!checksum_holds(block)) fail(position_, "this is no tar header");
        position_ += block_bytes;
        return true;
    }

    uint64_t checked_size(const Block& block, uint64_t header) const {
        const auto size = size_of_member(block);
        if (!size) fail(header, "the size in this tar header is no number");
        return *size;
    }

    void read_extension(char type, uint64_t size, uint64_t header, Extension& extension) const {
        if (size > longest_extension || size > end_ - position_) {
            fail(header, "a name that long can't be");
        }
        std::string text(size, '\0');
        file_.read(position_, std::as_writable_bytes(std::span(text)));
        if (type == 'L' || type == 'K') {
            (type == 'L' ? extension.name : extension.link) = text.substr(0, text.find('\0'));
        } else if (!read_pax(text, extension)) {
            fail(header, "this pax header is damaged");
        }
    }

    void add(const Block& block, const Extension& extension, uint64_t header, uint64_t size) {
        const std::string name = unpacked_name(extension.name.value_or(name_of_member(block)));
        const std::string link = extension.link.value_or(std::string(field(block, 157, 100)));
        const char type = block[156];
        if (type == '1') {
            const TarMember* linked = unpacked_.find(unpacked_name(link));
            if (linked == nullptr) {
                fail(header,
                     fmt::format("{} is a link to {}, which does not come before it", name, link));
            }
            unpacked_.add_file({name, linked->offset, linked->size});
        } else if (type == '2') {
            unpacked_.add_symbolic_link(name, link);
        } else if (type == 'S' || extension.sparse) {
            fail(header,
                 fmt::format("{} is stored without its zeros; pack it without --sparse", name));
        } else if (type == '0' || type == '\0' || type == '7') {
            unpacked_.add_file({name, position_, size});
        }
    }

    /** A link to no file of the archive is an error where images would be missing without it. */
    void check_link(const std::vector<TarMember>& files, const DanglingLink& link) const {
        const bool to_folder = !link.target.empty() &&
                               std::any_of(files.begin(), files.end(), [&](const TarMember& file) {
                                   return file.name.starts_with(link.target + "/");
                               });
        if (!to_folder && !has_image_extension(link.name)) return;
        throw InputError("{}: {} is a link {}; pack it with --dereference", file_.path().string(),
                         link.name,
                         to_folder ? "to the folder " + link.target : "to no file of the archive");
    }

    void skip(uint64_t size, uint64_t header) {
        if (size > end_ - position_) fail(header, "the member of this header is cut short");
        position_ += (size + block_bytes - 1) / block_bytes * block_bytes;
    }

    const RandomAccessFile& file_;
    uint64_t position_;
    uint64_t end_;
    UnpackedFiles unpacked_;
};

}  // namespace

std::vector<TarMember> read_tar_members(const RandomAccessFile& file, uint64_t begin,
                                        uint64_t end) {
    if (begin == 0) refuse_compressed(file);
    return TarReader(file, begin, end).read();
}

}  // namespace comq
