#include "weights/byte_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.hpp"

namespace comq {

std::span<const std::byte> ByteReader::take(uint64_t count) {
    if (count > remaining()) {
        fail(offset(), fmt::format("{} bytes are needed and {} are left: the file is truncated or "
                                   "damaged (download it again)",
                                   count, remaining()));
    }
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
}

std::string_view ByteReader::take_text(uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
}

std::string_view ByteReader::take_line() {
    const auto rest = bytes_.subspan(position_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    const std::string_view line = take_text(static_cast<uint64_t>(end - rest.begin()));
    take(1);
    return line;
}

uint64_t ByteReader::take_unsigned(std::size_t width) {
    const auto taken = take(width);
    uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= static_cast<uint64_t>(taken[i]) << (8 * i);
    return value;
}

int64_t ByteReader::take_signed(std::size_t width) {
    if (width == 0) return 0;
    const auto unused = static_cast<unsigned>(64 - 8 * width);
    return static_cast<int64_t>(take_unsigned(width) << unused) >> unused;
}

void ByteReader::fail(std::size_t offset, const std::string& what) const {
    throw InputError("{}: byte {}: {}", name_, offset, what);
}

void ByteReader::fail_damaged(std::size_t offset, std::string_view what) const {
    throw damaged_file(name_, "byte {}: {}: the file is damaged", offset, what);
}

}  // namespace comq
