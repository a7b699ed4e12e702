#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace comq {

/** The bytes of an image file, read at any offset; what lies beyond the end reads as 0. */
class FileBytes {
  public:
    explicit FileBytes(std::span<const std::byte> bytes, std::endian order = std::endian::little)
        : bytes_(bytes), order_(order) {}

    uint64_t size() const { return bytes_.size(); }
    uint8_t u8(uint64_t offset) const {
        return offset < bytes_.size() ? std::to_integer<uint8_t>(bytes_[offset]) : uint8_t{0};
    }
    uint32_t u16(uint64_t offset) const { return number(offset, 2); }
    uint32_t u24(uint64_t offset) const { return number(offset, 3); }
    uint32_t u32(uint64_t offset) const { return number(offset, 4); }

    std::string_view text(uint64_t offset, uint64_t length) const {
        if (offset > size() || length > size() - offset) return {};
        return {reinterpret_cast<const char*>(bytes_.data()) + offset, length};
    }
    std::span<const std::byte> bytes() const { return bytes_; }

  private:
    uint32_t number(uint64_t offset, unsigned bytes) const {
        uint32_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) {
            const unsigned at = order_ == std::endian::big ? i : bytes - 1 - i;
            value = value << 8U | u8(offset + at);
        }
        return value;
    }

    std::span<const std::byte> bytes_;
    std::endian order_;
};

}  // namespace comq
