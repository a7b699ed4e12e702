#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace comq {

/** splitmix64 of Steele, Lea and Flood (2014): a bijective mix of 64 bits. */
uint64_t splitmix64(uint64_t value);

/**
 * Counter-based random numbers: draw `counter` of stream `name` under `seed` is a pure function of
 * the three, so a value never depends on the order of arrival, the thread or the rank.
 */
class RandomStream {
  public:
    RandomStream(uint64_t seed, std::string_view name);

    uint64_t bits(uint64_t counter) const;
    /** Uniform in [0, 1), 53 bits. */
    double uniform(uint64_t counter) const;
    /** Uniform in {0, …, bound − 1}; bound > 0. */
    uint64_t below(uint64_t counter, uint64_t bound) const;
    /** Standard normal by Box and Muller; uses counters 2·counter and 2·counter + 1. */
    double normal(uint64_t counter) const;
    /** The stream of the same seed named `name`/`child`. */
    RandomStream child(std::string_view name) const;

    /** `count` distinct indices of {0, …, population − 1}, ascending; count ≤ population. */
    std::vector<int64_t> choose(int64_t population, int64_t count) const;
    /** A permutation of {0, …, population − 1}. */
    std::vector<int64_t> permutation(int64_t population) const;
    /** `values` in the order of `permutation`. */
    std::vector<int64_t> shuffled(const std::vector<int64_t>& values) const;

  private:
    explicit RandomStream(uint64_t key) : key_(key) {}
    uint64_t key_;
};

}  // namespace comq
