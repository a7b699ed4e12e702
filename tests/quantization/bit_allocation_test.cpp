#include "quantization/bit_allocation.hpp"

#include <cmath>
#include <numeric>

#include "core/random.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

int64_t spent(const std::vector<BitCandidate>& layers, const std::vector<int>& bits) {
    int64_t total = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) total += layers[l].weights * bits[l];
    return total;
}

double loss_of(const std::vector<BitCandidate>& layers, const std::vector<int>& bits) {
    double sum = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
        sum += layers[l].loss[static_cast<std::size_t>(bits[l] - least_bits)];
    }
    return sum;
}

/** The least loss of all assignments within the budget. */
double least_loss(const std::vector<BitCandidate>& layers, int64_t budget) {
    std::vector<int> bits(layers.size(), least_bits);
    double least = std::numeric_limits<double>::infinity();
    while (true) {
        if (spent(layers, bits) <= budget) least = std::min(least, loss_of(layers, bits));
        std::size_t l = 0;
        while (l < bits.size() && bits[l] == most_bits) bits[l++] = least_bits;
        if (l == bits.size()) return least;
        ++bits[l];
    }
}

/** Losses of any shape: not even falling with the bits. */
std::vector<BitCandidate> random_layers(uint64_t seed, int64_t largest) {
    const RandomStream stream(seed, "bits");
    std::vector<BitCandidate> layers(4);
    uint64_t counter = 0;
    for (auto& layer : layers) {
        layer.weights =
            1 + static_cast<int64_t>(stream.below(counter++, static_cast<uint64_t>(largest)));
        for (double& loss : layer.loss) loss = stream.uniform(counter++);
    }
    return layers;
}

ByBits losses_of(const std::vector<int>& bits, const std::vector<double>& measured) {
    return interpolate_losses(bits, measured);
}

}  // namespace

TEST_CASE("allocated bits keep the budget and have the least loss of all assignments") {
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const auto layers = random_layers(seed, 60);
        int64_t weights = 0;
        for (const auto& layer : layers) weights += layer.weights;
        for (const double average : {2.0, 2.3, 3.0, 4.7, 8.0}) {
            const auto budget = static_cast<int64_t>(average * static_cast<double>(weights));
            const auto bits = allocate_bits(layers, budget);
            REQUIRE(bits.size() == layers.size());
            CHECK(spent(layers, bits) <= budget);
            CHECK(loss_of(layers, bits) == Approx(least_loss(layers, budget)).epsilon(1e-12));
        }
    }
}

TEST_CASE("a coarse table keeps the budget and is as good as a slightly smaller one") {
    for (uint64_t seed = 0; seed < 5; ++seed) {
        // Sizes without a common divisor, in units of about 6000 weights.
        const auto layers = random_layers(seed, 300'000'000);
        int64_t weights = 0;
        for (const auto& layer : layers) weights += layer.weights;
        const int64_t budget = 3 * weights;
        const auto bits = allocate_bits(layers, budget);
        CHECK(spent(layers, bits) <= budget);
        const int64_t units = 4 * (weights / 50'000 + 1);
        CHECK(loss_of(layers, bits) <= least_loss(layers, budget - units) * (1 + 1e-12));
    }
}

TEST_CASE("equal layers under a whole budget get equal bits, and none less than the least") {
    const BitCandidate layer{100, losses_of({2, 4, 8}, {0.3, 0.02, 1e-4})};
    const std::vector<BitCandidate> layers(5, layer);
    CHECK(allocate_bits(layers, 5 * 100 * 3) == std::vector<int>(5, 3));
    CHECK(allocate_bits(layers, 5 * 100 * 20) == std::vector<int>(5, 8));
    CHECK(allocate_bits(layers, 5 * 100 * 2 - 1).empty());
    CHECK(allocate_bits({}, 0).empty());
}

TEST_CASE("losses between measured widths fall by equal factors") {
    const ByBits losses = losses_of({2, 4, 8}, {1.0, 1.0 / 16, 1.0 / 4096});
    for (int bits = least_bits; bits <= most_bits; ++bits) {
        CHECK(losses[static_cast<std::size_t>(bits - 2)] == Approx(std::pow(0.25, bits - 2)));
    }
    for (const double loss : losses_of({2, 4, 8}, {0.5, 0, 0})) CHECK(std::isfinite(loss));
}

TEST_CASE("losses beyond measured widths fall by the square of a step half as large") {
    const ByBits losses = losses_of({3, 4}, {0.5, 0.25});
    CHECK(losses[0] == Approx(2.0));
    CHECK(losses[1] == Approx(0.5));
    CHECK(losses[2] == Approx(0.25));
    CHECK(losses[3] == Approx(0.25 / 4));
    CHECK(losses[6] == Approx(0.25 / 256));
    CHECK(losses_of({5}, {1.0})[0] == Approx(64.0));
}
