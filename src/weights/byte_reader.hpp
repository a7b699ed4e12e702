#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace comq {

/** Reads little-endian numbers and runs of bytes; never past the end. */
class ByteReader {
  public:
    /** `name` stands in messages; `base` is the offset of the first byte in what it names. */
    ByteReader(std::span<const std::byte> bytes, std::string name, std::size_t base = 0)
        : bytes_(bytes), name_(std::move(name)), base_(base) {}

    const std::string& name() const { return name_; }
    std::size_t offset() const { return base_ + position_; }
    std::size_t size() const { return bytes_.size(); }
    std::size_t remaining() const { return bytes_.size() - position_; }

    /** The next `count` bytes. Throws InputError when there are fewer. */
    std::span<const std::byte> take(uint64_t count);
    std::string_view take_text(uint64_t count);
    /** Up to the next line feed, which is consumed. */
    std::string_view take_line();
    /** An unsigned number of `width` ≤ 8 bytes. */
    uint64_t take_unsigned(std::size_t width);
    /** A two's-complement number of `width` ≤ 8 bytes. */
    int64_t take_signed(std::size_t width);

    /** Throws InputError "NAME: byte OFFSET: WHAT". */
    [[noreturn]] void fail(std::size_t offset, const std::string& what) const;
    /** `fail` with the remedy for a file that did not arrive whole. */
    [[noreturn]] void fail_damaged(std::size_t offset, std::string_view what) const;

  private:
    std::span<const std::byte> bytes_;
    std::string name_;
    std::size_t base_;
    std::size_t position_ = 0;
};

}  // namespace comq
