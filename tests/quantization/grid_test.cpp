#include "quantization/grid.hpp"

#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "quantization/quantized_weight.hpp"
#include "quantization/start.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

Matrix<float> matrix(int64_t rows, std::vector<float> values) {
    Matrix<float> result(rows, std::ssize(values) / rows);
    std::copy(values.begin(), values.end(), result.data());
    return result;
}

}  // namespace

TEST_CASE("rounding goes half to even") {
    CHECK(round_half_even(0.5) == 0);
    CHECK(round_half_even(1.5) == 2);
    CHECK(round_half_even(2.5) == 2);
    CHECK(round_half_even(-0.5) == 0);
    CHECK(round_half_even(-1.5) == -2);
    CHECK(round_half_even(2.4999999) == 2);
    CHECK(round_half_even(1e12 + 0.5) == 1e12);
}

TEST_CASE("the min-max grid per channel") {
    // δ = (0.75 + 0.75)/3 = 0.5, z = round(−1.5) = −2: levels −1, −0.5, 0, 0.5.
    const Matrix<float> weight = matrix(2, {-0.75F, 0.75F, 0.0F, 0.1F, 1.0F, 4.0F, 2.5F, 1.1F});
    const Grid grid = minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0);
    CHECK(grid.scale == std::vector<float>{0.5F, 1.0F});
    CHECK(grid.zero_point == std::vector<float>{-2.0F, 1.0F});
    const Start start = rtn_start(weight.view(), grid);
    // 0.75/0.5 = 1.5 goes to 2 and is clipped to the top level; 2.5 goes to 2.
    CHECK(std::vector<uint8_t>(start.bit_code.data(), start.bit_code.data() + 8) ==
          std::vector<uint8_t>{0, 3, 2, 2, 0, 3, 1, 0});
}

TEST_CASE("the scalar shrinks the steps but not the zero point") {
    const Matrix<float> weight = matrix(1, {-0.75F, 0.75F, 0.0F, 0.1F});
    const Grid grid = minmax_grid(Granularity::per_channel, weight.view(), 2, 0.5);
    CHECK(grid.scale.front() == 0.25F);
    CHECK(grid.zero_point.front() == -2.0F);
}

TEST_CASE("one min-max grid for a layer") {
    const Matrix<float> weight = matrix(2, {-1.0F, 0.5F, 0.0F, 0.1F, 2.0F, 0.0F, 2.0F, 1.1F});
    const Grid grid = minmax_grid(Granularity::per_layer, weight.view(), 2, 1.0);
    CHECK(grid.scale == std::vector<float>{1.0F, 1.0F});
    CHECK(grid.zero_point == std::vector<float>{-1.0F, -1.0F});
}

TEST_CASE("the symmetric grid of a layer takes the mean of the channels' largest weights") {
    const Matrix<float> weight = matrix(2, {-1.0F, 0.5F, 0.0F, 3.0F});
    const Grid grid = symmetric_grid_per_layer(weight.view(), 3, 0.5);
    // 0.5 · mean(1, 3) / 4
    CHECK(grid.scale == std::vector<float>{0.25F, 0.25F});
    CHECK(grid.zero_point == std::vector<float>{-4.0F, -4.0F});
    CHECK(symmetric_grid_per_layer(Matrix<float>(2, 3).view(), 2, 1.0).scale.front() == 1.0F);
}

TEST_CASE("symmetric levels have one zero point for all") {
    const Matrix<float> weight = matrix(2, {-0.75F, 0.5F, 0.0F, 0.1F, 1.0F, 6.0F, 2.5F, 1.1F});
    const Grid grid = minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0, {true, 1.0});
    CHECK(grid.scale == std::vector<float>{0.5F, 4.0F});
    CHECK(grid.zero_point == std::vector<float>{-2.0F, -2.0F});
    const Grid between = minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0, {true, 0.5});
    CHECK(between.scale == grid.scale);
    CHECK(between.zero_point == std::vector<float>{-1.5F, -1.5F});
    CHECK(minmax_grid(Granularity::per_channel, Matrix<float>(1, 3).view(), 2, 1.0, {true, 1.0})
              .scale == std::vector<float>{1.0F});
}

TEST_CASE("zero points between whole numbers") {
    const Matrix<float> weight = matrix(1, {-0.8F, 0.7F});
    // min/δ = −1.6.
    CHECK(minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0).zero_point.front() == -2.0F);
    CHECK(minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0, {false, 0.5})
              .zero_point.front() == -1.5F);
    CHECK(minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0, {false, 0.0})
              .zero_point.front() == Approx(-1.6F));
    CHECK(minmax_grid(Granularity::per_channel, weight.view(), 2, 1.0, {true, 0.0})
              .zero_point.front() == -1.5F);
}

TEST_CASE("constant channels keep a scale to divide by") {
    const Matrix<float> weight = matrix(3, {0.3F, 0.3F, -0.3F, -0.3F, 0.0F, 0.0F});
    const Grid grid = minmax_grid(Granularity::per_channel, weight.view(), 4, 0.7);
    CHECK(grid.scale == std::vector<float>{0.3F, 0.3F, 1.0F});
    CHECK(grid.zero_point == std::vector<float>{1.0F, -1.0F, 0.0F});
    CHECK(minmax_grid(Granularity::per_channel, matrix(1, {0.0F, 1e-45F}).view(), 4, 1.0)
              .scale.front() > 0);
}

TEST_CASE("the nearest level, for whole and fractional zero points") {
    for (const float zero_point : {-3.0F, -2.4F, 0.0F, 1.75F}) {
        const ChannelLevels levels(0.3F, zero_point, 7);
        for (double value = -3; value < 4; value += 0.0137) {
            const int code = levels.nearest(value);
            for (int other = 0; other <= 7; ++other) {
                CHECK(std::fabs(0.3F * levels.multiple(code) - value) <=
                      std::fabs(0.3F * levels.multiple(other) - value) + 1e-12);
            }
        }
    }
}

TEST_CASE("ties go to the even multiple of the scale") {
    const ChannelLevels levels(1.0F, -3.0F, 7);
    CHECK(levels.multiple(levels.nearest(0.5)) == 0);
    CHECK(levels.multiple(levels.nearest(-1.5)) == -2);
    CHECK(levels.multiple(levels.nearest(2.5)) == 2);
    CHECK(levels.multiple(levels.nearest(-0.5)) == 0);
}

TEST_CASE("codes that a grid does not have are refused, in a release build too") {
    const Grid grid{2, {0.5F}, {-1.0F}, 1};
    Matrix<uint8_t> codes(1, 2);
    codes(0, 1) = 3;
    CHECK(dequantize(on_grid(codes, grid))(0, 1) == 1.0F);
    codes(0, 0) = 4;
    CHECK_THROWS_WITH(on_grid(codes, grid), ContainsSubstring("src/quantization/grid.cpp"));
    CHECK_THROWS_AS(on_grid(Matrix<uint8_t>(2, 2), grid), Failure);
}
