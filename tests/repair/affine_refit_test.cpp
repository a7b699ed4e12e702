#include "repair/affine_refit.hpp"

#include <limits>

#include "support/catch.hpp"

using namespace comq;

namespace {

// Sums are in fp64, as the references here: only cancellation is left.
constexpr double tolerance = 1e-9;

/** Outputs [images, rows, channels] of a quantized network and what they should have been. */
struct Outputs {
    torch::Tensor quantized;
    torch::Tensor full_precision;

    OutputSums sums() const {
        OutputSums sums;
        sums.add(quantized, full_precision, -1);
        return sums;
    }
};

Outputs random_outputs(int64_t images = 5, double noise = 0.5) {
    torch::manual_seed(3);
    const auto y = torch::randn({images, 7, 4}) * torch::tensor({1.0F, 0.2F, 3.0F, 1.0F}) +
                   torch::tensor({0.0F, 2.0F, -1.0F, 0.5F});
    return {1.3 * y + noise * torch::randn_like(y) - 0.7, y};
}

/** Least squares of `target` on the columns of `design` by QR. */
torch::Tensor least_squares(const torch::Tensor& design, const torch::Tensor& target) {
    const auto [q, r] = torch::linalg_qr(design, "reduced");
    return torch::linalg_solve(r, q.t().matmul(target.unsqueeze(1))).squeeze(1);
}

}  // namespace

TEST_CASE("a step is the least-squares line of each channel") {
    const auto outputs = random_outputs();
    const bool with_shift = GENERATE(true, false);
    const auto step =
        fit_affine(outputs.sums(), with_shift ? StepKind::factor_and_shift : StepKind::factor);
    const auto x = outputs.quantized.to(torch::kDouble).flatten(0, 1);
    const auto y = outputs.full_precision.to(torch::kDouble).flatten(0, 1);
    for (int64_t c = 0; c < x.size(1); ++c) {
        const auto column = x.select(1, c);
        const auto design =
            with_shift ? torch::stack({column, torch::ones_like(column)}, 1) : column.unsqueeze(1);
        const auto line = least_squares(design, y.select(1, c));
        CHECK(step.slope[c].item<double>() + 1.0 ==
              Approx(line[0].item<double>()).epsilon(tolerance));
        CHECK(step.shift[c].item<double>() ==
              Approx(with_shift ? line[1].item<double>() : 0.0).margin(tolerance));
    }
    CHECK(step.moves());
    CHECK(torch::equal(step.times(0.5).slope, step.slope / 2));
    CHECK_FALSE(step.times(0.0).moves());
}

TEST_CASE("a shift alone is the mean of what outputs lack") {
    const auto outputs = random_outputs();
    const auto step = fit_affine(outputs.sums(), StepKind::shift);
    const auto lacking =
        outputs.full_precision.to(torch::kDouble) - outputs.quantized.to(torch::kDouble);
    CHECK(torch::allclose(step.shift, lacking.mean({1, 0}), tolerance));
    CHECK_FALSE(step.slope.any().item<bool>());
}

TEST_CASE("one factor for all channels is that of the regression on all of them together") {
    const auto outputs = random_outputs();
    const auto step = fit_affine(outputs.sums(), StepKind::factor_and_shift, /*shared_slope=*/true);
    const auto x = outputs.quantized.to(torch::kDouble).flatten(0, 1);
    const auto y = outputs.full_precision.to(torch::kDouble).flatten(0, 1);
    // Columns: x of all channels below one another, and an indicator of each channel.
    const int64_t rows = x.size(0), channels = x.size(1);
    const auto indicator =
        torch::eye(channels, torch::kDouble).repeat_interleave(rows, 0);  // [C·N, C]
    const auto design = torch::cat({x.t().reshape({-1, 1}), indicator}, 1);
    const auto line = least_squares(design, y.t().reshape({-1}));
    for (int64_t c = 0; c < channels; ++c) {
        CHECK(step.slope[c].item<double>() + 1.0 ==
              Approx(line[0].item<double>()).epsilon(tolerance));
        CHECK(step.shift[c].item<double>() ==
              Approx(line[c + 1].item<double>()).epsilon(tolerance));
    }
}

TEST_CASE("channels of images and of tokens are summed alike") {
    const auto outputs = random_outputs();
    const auto as_maps = [](const torch::Tensor& tokens) {
        return tokens.transpose(1, 2).unsqueeze(-1).contiguous();  // [B, C, 7, 1]
    };
    const auto tokens = outputs.sums();
    OutputSums maps;
    maps.add(as_maps(outputs.quantized), as_maps(outputs.full_precision), 1);
    CHECK(maps.rows == tokens.rows);
    CHECK(torch::allclose(maps.xd, tokens.xd, tolerance));
    CHECK(torch::allclose(maps.xx, tokens.xx, tolerance));
}

TEST_CASE("equal outputs give no step at all") {
    auto outputs = random_outputs();
    outputs.quantized = outputs.full_precision;
    for (const auto kind : {StepKind::shift, StepKind::factor, StepKind::factor_and_shift}) {
        CHECK_FALSE(fit_affine(outputs.sums(), kind).moves());
    }
}

TEST_CASE("a channel that is constant or runs backwards keeps its factor") {
    auto outputs = random_outputs();
    outputs.quantized.select(-1, 0).fill_(0.1F);
    outputs.quantized.select(-1, 1).neg_();
    const auto step = fit_affine(outputs.sums(), StepKind::factor_and_shift);
    for (const int64_t c : {0, 1}) {
        CHECK(step.slope[c].item<double>() == 0.0);
        const auto x = outputs.quantized.select(-1, c).to(torch::kDouble);
        const auto y = outputs.full_precision.select(-1, c).to(torch::kDouble);
        CHECK(step.shift[c].item<double>() ==
              Approx((y - x).mean().item<double>()).epsilon(tolerance));
    }
    CHECK(step.slope[2].item<double>() != 0.0);
}

TEST_CASE("outputs that are not finite are noticed") {
    auto outputs = random_outputs();
    CHECK(outputs.sums().finite());
    outputs.quantized[1][2][3] = std::numeric_limits<float>::infinity();
    CHECK_FALSE(outputs.sums().finite());
}
