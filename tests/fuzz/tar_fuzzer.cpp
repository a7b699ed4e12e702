#include <fmt/format.h>

#include <algorithm>

#include "data/tar_index.hpp"
#include "fuzz/fuzz_target.hpp"

using namespace comq;

namespace {

constexpr std::size_t block_bytes = 512;

/** The bytes with a checksum that holds in each block, be it a header or not. */
std::vector<std::byte> with_checksums(fuzz::Bytes bytes) {
    constexpr std::size_t offset = 148;
    constexpr std::size_t length = 8;
    std::vector<std::byte> changed(bytes.begin(), bytes.end());
    for (std::size_t begin = 0; begin + block_bytes <= changed.size(); begin += block_bytes) {
        const auto block = std::span(changed).subspan(begin, block_bytes);
        if (std::ranges::all_of(block, [](std::byte byte) { return byte == std::byte{0}; })) {
            continue;
        }
        const auto field = block.subspan(offset, length);
        std::ranges::fill(field, std::byte{' '});
        unsigned sum = 0;
        for (const std::byte byte : block) sum += std::to_integer<unsigned>(byte);
        const std::string text = fmt::format("{:06o}", sum);
        std::ranges::copy(std::as_bytes(std::span(text)), field.begin());
        field[6] = std::byte{0};
    }
    return changed;
}

void index(const fuzz::MemoryFile& memory, fuzz::Bytes bytes) {
    memory.write(bytes);
    fuzz::expect_only_errors([&] {
        const RandomAccessFile file(memory.path());
        for (const TarMember& member : index_tar(file)) {
            fuzz::expect(member.offset <= file.size() && member.size <= file.size() - member.offset,
                         "a member lies outside its archive");
        }
    });
}

}  // namespace

/**
 * Any bytes are a tar archive whose members lie in them, archives inside it too, or an Error of one
 * line: as they are, and with checksums that hold.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("images.tar");
    const fuzz::Bytes bytes = std::as_bytes(std::span(data, size));
    index(memory, bytes);
    index(memory, with_checksums(bytes));
    return 0;
}
