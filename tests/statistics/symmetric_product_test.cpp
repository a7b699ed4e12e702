#include "statistics/symmetric_product.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** X as [N, m] or, transposed, as [m, N], with a gap after every line. */
struct Inputs {
    Inputs(int64_t rows, int64_t in_features, bool transposed) {
        const int64_t lines = transposed ? in_features : rows;
        const int64_t length = (transposed ? rows : in_features) + 3;
        values.resize(static_cast<std::size_t>(lines * length));
        const RandomStream random(7, "inputs");
        for (std::size_t k = 0; k < values.size(); ++k) {
            values[k] = static_cast<float>(random.normal(k));
        }
        view = {values.data(), rows, in_features, transposed ? 1 : length, transposed ? length : 1};
    }
    double at(int64_t k, int64_t i) const {
        return values[static_cast<std::size_t>(k * view.row_stride + i * view.feature_stride)];
    }
    std::vector<float> values;
    InputRows view;
};

}  // namespace

TEST_CASE("Every kernel computes the lower triangle of a symmetric product") {
    const auto [rows, in_features] = GENERATE(table<int64_t, int64_t>(
        {{1, 1}, {5, 7}, {128, 24}, {129, 48}, {300, 49}, {127, 193}, {260, 800}}));
    const bool transposed = GENERATE(false, true);
    const VectorUnit unit = GENERATE(from_range(vector_units()));
    CAPTURE(rows, in_features, transposed, static_cast<int>(unit));
    const Inputs inputs(rows, in_features, transposed);
    int64_t next = 0;
    double worst = 0;
    symmetric_product(
        inputs.view,
        [&, n = rows](int64_t first, MatrixView<const float> band) {
            REQUIRE(first == next);
            next += band.rows;
            // A few columns of the wide ones are enough.
            for (int64_t i = 0; i < band.rows; i += 1 + band.rows / 50) {
                for (int64_t j = 0; j <= first + i; j += 1 + first / 50) {
                    double sum = 0;
                    double size = 0;
                    for (int64_t k = 0; k < n; ++k) {
                        const double product = inputs.at(k, first + i) * inputs.at(k, j);
                        sum += product;
                        size += std::fabs(product);
                    }
                    worst = std::max(worst, std::fabs(band(i, j) - sum) / size);
                }
            }
        },
        unit);
    CHECK(next == in_features);
    CHECK(worst < 1e-6);  // at most 128 roundings of 6e-8 in a row, which hardly ever add up
}

TEST_CASE("All kernels sum in the same order") {
    const Inputs inputs(257, 60, false);
    std::vector<std::vector<float>> triangles;
    for (const VectorUnit unit : vector_units()) {
        if (unit == VectorUnit::portable) continue;  // without fused multiply-add
        auto& triangle = triangles.emplace_back();
        symmetric_product(
            inputs.view,
            [&](int64_t first, MatrixView<const float> band) {
                for (int64_t i = 0; i < band.rows; ++i) {
                    triangle.insert(triangle.end(), band.row(i), band.row(i) + first + i + 1);
                }
            },
            unit);
    }
    for (const auto& triangle : triangles) CHECK(triangle == triangles.front());
}
