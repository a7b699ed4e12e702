#include "quantization/bit_allocation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.hpp"

namespace comq {

namespace {

constexpr int64_t most_units = 50'000;

/** Bits beyond least_bits that one unit of the table stands for. */
int64_t unit_of(std::span<const BitCandidate> layers, int64_t spare) {
    int64_t divisor = 0;
    for (const auto& layer : layers) divisor = std::gcd(divisor, layer.weights);
    return std::max({divisor, (spare + most_units - 1) / most_units, int64_t{1}});
}

}  // namespace

std::vector<int> allocate_bits(std::span<const BitCandidate> layers, int64_t budget) {
    int64_t spare = budget;
    for (const auto& layer : layers) spare -= least_bits * layer.weights;
    if (spare < 0) return {};
    const int64_t unit = unit_of(layers, spare);
    const auto states = static_cast<std::size_t>(spare / unit + 1);

    // least[u]: of the layers so far, spending at most u units; chosen[l][u]: what layer l has
    // then.
    std::vector<double> least(states, 0.0);
    std::vector<std::vector<uint8_t>> chosen;
    const auto cost_of = [&](const BitCandidate& layer, std::size_t extra) {
        const auto bits = static_cast<int64_t>(extra) * layer.weights;
        return static_cast<std::size_t>((bits + unit - 1) / unit);
    };
    for (const auto& layer : layers) {
        std::vector<double> with(states, std::numeric_limits<double>::infinity());
        std::vector<uint8_t> choice(states, 0);
        for (std::size_t extra = 0; extra < layer.loss.size(); ++extra) {
            const std::size_t cost = cost_of(layer, extra);
            for (std::size_t units = cost; units < states; ++units) {
                const double sum = least[units - cost] + layer.loss[extra];
                if (sum < with[units]) {
                    with[units] = sum;
                    choice[units] = static_cast<uint8_t>(extra);
                }
            }
        }
        least = std::move(with);
        chosen.push_back(std::move(choice));
    }
    std::vector<int> bits(layers.size());
    std::size_t units = states - 1;
    for (std::size_t l = layers.size(); l-- > 0;) {
        const std::size_t extra = chosen[l][units];
        bits[l] = least_bits + static_cast<int>(extra);
        units -= cost_of(layers[l], extra);
    }
    return bits;
}

ByBits interpolate_losses(std::span<const int> bits, std::span<const double> measured) {
    COMQ_CHECK(!bits.empty() && bits.size() == measured.size());
    const auto logarithm = [&](std::size_t i) {
        return std::log(std::max(measured[i], std::numeric_limits<double>::min()));
    };
    const double of_a_bit = std::log(4.0);
    ByBits losses{};
    std::size_t next = 0;  // first measured width that is not below `width`
    for (int width = least_bits; width <= most_bits; ++width) {
        while (next < bits.size() && bits[next] < width) ++next;
        double loss = 0.0;
        if (next == bits.size()) {
            loss = logarithm(next - 1) - of_a_bit * (width - bits[next - 1]);
        } else if (bits[next] == width || next == 0) {
            loss = logarithm(next) + of_a_bit * (bits[next] - width);
        } else {
            const double share = static_cast<double>(width - bits[next - 1]) /
                                 static_cast<double>(bits[next] - bits[next - 1]);
            loss = std::lerp(logarithm(next - 1), logarithm(next), share);
        }
        losses[static_cast<std::size_t>(width - least_bits)] = std::exp(loss);
    }
    return losses;
}

}  // namespace comq
