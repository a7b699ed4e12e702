#include "core/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/check.hpp"
#include "core/hash.hpp"

namespace comq {

uint64_t splitmix64(uint64_t value) {
    value += 0x9E3779B97F4A7C15ULL;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

RandomStream::RandomStream(uint64_t seed, std::string_view name)
    : key_(splitmix64(splitmix64(seed) ^ fnv1a64(name))) {}

RandomStream RandomStream::child(std::string_view name) const {
    return RandomStream(splitmix64(key_ ^ fnv1a64(name)));
}

uint64_t RandomStream::bits(uint64_t counter) const {
    return splitmix64(splitmix64(counter) ^ key_);
}

double RandomStream::uniform(uint64_t counter) const {
    return static_cast<double>(bits(counter) >> 11) * 0x1.0p-53;
}

uint64_t RandomStream::below(uint64_t counter, uint64_t bound) const {
    // The bias of a 128-bit multiply is below bound / 2^64: nothing for counts of images.
    __extension__ using uint128 = unsigned __int128;
    return static_cast<uint64_t>((static_cast<uint128>(bits(counter)) * bound) >> 64);
}

double RandomStream::normal(uint64_t counter) const {
    const double radius = std::sqrt(-2.0 * std::log1p(-uniform(2 * counter)));
    return radius * std::cos(2.0 * std::numbers::pi * uniform(2 * counter + 1));
}

std::vector<int64_t> RandomStream::permutation(int64_t population) const {
    std::vector<int64_t> order(static_cast<std::size_t>(population));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (std::size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[below(i, i)]);
    }
    return order;
}

std::vector<int64_t> RandomStream::shuffled(const std::vector<int64_t>& values) const {
    std::vector<int64_t> result;
    for (const auto i : permutation(std::ssize(values))) {
        result.push_back(values[static_cast<std::size_t>(i)]);
    }
    return result;
}

std::vector<int64_t> RandomStream::choose(int64_t population, int64_t count) const {
    COMQ_CHECK(count >= 0 && count <= population);
    std::vector<int64_t> chosen = permutation(population);
    chosen.resize(static_cast<std::size_t>(count));
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

}  // namespace comq
