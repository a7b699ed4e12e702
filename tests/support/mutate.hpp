#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace comq::test {

/**
 * Calls `read` on `count` seeded mutations of `original` (flipped, random, extreme, removed,
 * repeated and swapped bytes) and on truncations of it. A reader may accept one or throw Error;
 * any other exception fails the test, and memory errors show under AddressSanitizer.
 * Mutations stay within the first `prefix` bytes, where a format's structure is.
 */
void expect_only_errors(std::span<const std::byte> original, std::size_t prefix, int count,
                        const std::function<void(std::span<const std::byte>)>& read);

}  // namespace comq::test
