#include "support/mutate.hpp"

#include <algorithm>
#include <array>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "support/catch.hpp"

namespace comq::test {
namespace {

using Bytes = std::vector<std::byte>;

/** One to four changes drawn from `draws`. */
Bytes mutated(std::span<const std::byte> original, std::size_t prefix, const RandomStream& draws) {
    constexpr std::array<unsigned, 6> extremes{0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    Bytes bytes(original.begin(), original.end());
    uint64_t next = 0;
    const auto below = [&](uint64_t bound) { return draws.below(next++, bound); };
    for (uint64_t change = 0, changes = 1 + below(4); change < changes && !bytes.empty();
         ++change) {
        const std::size_t span = std::min(prefix, bytes.size());
        const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(below(span));
        const std::size_t run = std::min<std::size_t>(
            1 + below(8), static_cast<std::size_t>(std::distance(at, bytes.end())));
        const auto run_end = at + static_cast<std::ptrdiff_t>(run);
        switch (below(6)) {
            case 0:
                *at ^= std::byte{1} << static_cast<int>(below(8));
                break;
            case 1:
                *at = static_cast<std::byte>(below(256));
                break;
            case 2:
                std::fill(at, run_end, static_cast<std::byte>(extremes[below(6)]));
                break;
            case 3:
                bytes.erase(at, run_end);
                break;
            case 4: {
                const Bytes copy(at, run_end);
                bytes.insert(at, copy.begin(), copy.end());
                break;
            }
            default:
                std::iter_swap(at, bytes.begin() + static_cast<std::ptrdiff_t>(below(span)));
        }
    }
    return bytes;
}

/** Whether `read` accepted the bytes; every exception but Error fails the test. */
bool accepts(const std::function<void(std::span<const std::byte>)>& read,
             std::span<const std::byte> bytes) {
    try {
        read(bytes);
        return true;
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

void expect_only_errors(std::span<const std::byte> original, std::size_t prefix, int count,
                        const std::function<void(std::span<const std::byte>)>& read) {
    REQUIRE(accepts(read, original));
    const RandomStream draws(20240307, "mutations");
    int refused = 0;
    for (int i = 0; i < count; ++i) {
        INFO("mutation " << i);
        bool accepted = false;
        const Bytes bytes = mutated(original, prefix, draws.child(std::to_string(i)));
        REQUIRE_NOTHROW(accepted = accepts(read, bytes));
        refused += !accepted;
    }
    // A reader that accepts nearly everything would make this test empty.
    CHECK(refused > count / 10);
    const std::size_t step = std::max<std::size_t>(1, original.size() / 500);
    for (std::size_t size = 0; size < original.size(); size += step) {
        INFO("truncated to " << size << " bytes");
        REQUIRE_NOTHROW(accepts(read, original.first(size)));
    }
}

}  // namespace comq::test
