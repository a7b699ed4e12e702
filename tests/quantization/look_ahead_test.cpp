#include "quantization/look_ahead.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include "quantization/cholesky.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/order.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

Matrix<double> inverse(Matrix<double> a) {
    const int64_t m = a.rows();
    Matrix<double> result(m, m);
    for (int64_t i = 0; i < m; ++i) result(i, i) = 1;
    for (int64_t k = 0; k < m; ++k) {
        const double pivot = a(k, k);
        for (int64_t j = 0; j < m; ++j) {
            a(k, j) /= pivot;
            result(k, j) /= pivot;
        }
        for (int64_t i = 0; i < m; ++i) {
            const double factor = a(i, k);
            if (i == k) continue;
            for (int64_t j = 0; j < m; ++j) {
                a(i, j) -= factor * a(k, j);
                result(i, j) -= factor * result(k, j);
            }
        }
    }
    return result;
}

/**
 * GPTQ as its paper's algorithm 1 has it, without blocks: after each coordinate the remaining
 * weights are updated by the row of the inverse Hessian, which then loses that coordinate.
 */
Matrix<uint8_t> textbook_gptq(const ExplicitLayer& layer, const Grid& grid,
                              const std::vector<int32_t>& order, double damping) {
    const int64_t m = layer.weight.cols();
    Matrix<double> hessian = layer.gram;
    double mean = 0;
    for (int64_t i = 0; i < m; ++i) mean += hessian(i, i) / static_cast<double>(m);
    for (int64_t i = 0; i < m; ++i) hessian(i, i) += damping * mean;
    Matrix<double> inverse_hessian = inverse(hessian);
    Matrix<double> weight(layer.weight.rows(), m);
    for (int64_t k = 0; k < weight.rows() * m; ++k) weight.data()[k] = layer.weight.data()[k];
    Matrix<uint8_t> codes(weight.rows(), m);
    std::vector<bool> done(m, false);
    for (const int32_t i : order) {
        done[i] = true;
        const double pivot = inverse_hessian(i, i);
        for (int64_t j = 0; j < weight.rows(); ++j) {
            const ChannelLevels levels = grid.levels(j);
            codes(j, i) = static_cast<uint8_t>(levels.nearest(weight(j, i)));
            const double error =
                (weight(j, i) - double{levels.scale()} * levels.multiple(codes(j, i))) / pivot;
            for (int64_t k = 0; k < m; ++k) {
                if (!done[k]) weight(j, k) -= error * inverse_hessian(i, k);
            }
        }
        const Matrix<double> before = inverse_hessian;
        for (int64_t a = 0; a < m; ++a) {
            for (int64_t b = 0; b < m; ++b) {
                inverse_hessian(a, b) -= before(a, i) * before(i, b) / pivot;
            }
        }
    }
    return codes;
}

double layer_error(const ExplicitLayer& layer, const Matrix<uint8_t>& codes, const Grid& grid) {
    return group_error(layer.gram.view(), layer.weight.view(), on_grid(codes, grid)).error;
}

}  // namespace

TEST_CASE("Cholesky factors") {
    for (const int64_t m : {1, 2, 63, 64, 65, 150, 200}) {
        const ExplicitLayer layer = random_layer(91, 2 * m + 3, m, 1);
        Matrix<double> factor = layer.gram;
        REQUIRE(factor_cholesky(factor));
        double largest = 0;
        double largest_difference = 0;
        for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < m; ++j) {
                double product = 0;
                for (int64_t k = 0; k < m; ++k) product += factor(i, k) * factor(j, k);
                largest = std::max(largest, std::fabs(layer.gram(i, j)));
                largest_difference =
                    std::max(largest_difference, std::fabs(product - layer.gram(i, j)));
                if (j > i) CHECK(factor(i, j) == 0);
            }
        }
        CHECK(largest_difference <= 1e-13 * largest);
    }
}

TEST_CASE("a matrix that is not positive definite has no Cholesky factor") {
    Matrix<double> a(2, 2);
    a(0, 0) = a(1, 1) = 1;
    a(0, 1) = a(1, 0) = 2;
    CHECK_FALSE(factor_cholesky(a));
    Matrix<double> zero(70, 70);
    CHECK_FALSE(factor_cholesky(zero));
}

// The solver adds up in fp32 over a block of coordinates; no target of these seeds is within that
// rounding of a tie.
TEST_CASE("look-ahead gives the codes of GPTQ's algorithm") {
    const ExplicitLayer layer = random_layer(92, 90, 50, 12);
    for (const Order order : {Order::cyclic, Order::greedy}) {
        for (const int bits : {2, 3, 4, 8}) {
            const GroupProblem problem = layer.problem(bits);
            const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
            std::vector<int32_t> visits(50);
            std::iota(visits.begin(), visits.end(), 0);
            if (order == Order::greedy) {
                std::stable_sort(visits.begin(), visits.end(), [&](int32_t a, int32_t b) {
                    return layer.gram(a, a) > layer.gram(b, b);
                });
            }
            const Start start = look_ahead_start(problem, grid, {order, 0.01});
            const Matrix<uint8_t> expected = textbook_gptq(layer, grid, visits, 0.01);
            int64_t different = 0;
            for (int64_t k = 0; k < 12 * 50; ++k) {
                different += start.bit_code.data()[k] != expected.data()[k];
            }
            CAPTURE(static_cast<int>(order), bits);
            CHECK(different == 0);
        }
    }
}

TEST_CASE("look-ahead beats rounding on correlated inputs") {
    const ExplicitLayer layer = random_layer(93, 300, 80, 32);
    for (const int bits : {3, 4}) {
        const GroupProblem problem = layer.problem(bits);
        const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), bits, 1.0);
        const double ours = layer_error(layer, look_ahead_start(problem, grid, {}).bit_code, grid);
        CHECK(ours < layer_error(layer, rtn_start(problem.weight, grid).bit_code, grid));
    }
}

TEST_CASE("look-ahead damps a Gram without full rank") {
    const ExplicitLayer layer = random_layer(94, 10, 40, 5);
    const GroupProblem problem = layer.problem(4);
    const Grid grid = minmax_grid(Granularity::per_channel, layer.weight.view(), 4, 1.0);
    const Start start = look_ahead_start(problem, grid, {Order::greedy, 0.0});
    CHECK(layer_error(layer, start.bit_code, grid) <
          layer_error(layer, rtn_start(problem.weight, grid).bit_code, grid));
}
