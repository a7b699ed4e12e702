#pragma once

#include <string>
#include <vector>

namespace comq {

/** What another value of a key changes by itself, not by way of what comes after. */
enum class Effect : unsigned {
    full_precision = 1,           ///< predictions of the full-precision network
    calibration_images = 1 << 1,  ///< which there are, and how they are presented
    evaluation_images = 1 << 2,   ///< likewise
    statistics = 1 << 3,          ///< what the rows of a layer are summed into
    solution = 1 << 4,            ///< codes and scales found from the statistics
    repair = 1 << 5,              ///< what is mended beside the codes
    evaluation = 1 << 6,          ///< predictions of the quantized network
    resource = 1 << 7,            ///< how, and whether, the run is carried out; no number
    location = 1 << 8,  ///< where something lies: what it holds has the other effects, not its path
};

/**
 * The effects of a key: `statistics | solution`. Identities, caches and tables ask them, so a key
 * of a run must say them: there is no empty set but none(), for keys that are no run's.
 */
class Affects {
  public:
    constexpr Affects(Effect effect) : bits_(static_cast<unsigned>(effect)) {}
    static constexpr Affects none() { return Affects(0U); }

    constexpr Affects operator|(Affects other) const { return Affects(bits_ | other.bits_); }
    constexpr bool has(Effect effect) const { return (bits_ & static_cast<unsigned>(effect)) != 0; }
    /** Whether the value itself is part of a run's identity. */
    constexpr bool numbers() const {
        return bits_ != 0 && !has(Effect::resource) && !has(Effect::location);
    }
    /** {"statistics", "solution"}. */
    std::vector<std::string> names() const;

  private:
    constexpr explicit Affects(unsigned bits) : bits_(bits) {}

    unsigned bits_;
};

constexpr Affects operator|(Effect a, Effect b) { return Affects(a) | b; }

}  // namespace comq
