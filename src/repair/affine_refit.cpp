#include "repair/affine_refit.hpp"

namespace comq {

namespace {

/** `[C, rows]` of one image in fp64. */
torch::Tensor channels_first(const torch::Tensor& image, int64_t channels) {
    const auto first = image.to(torch::kDouble).movedim(channels, 0);
    return first.reshape({first.size(0), -1});
}

}  // namespace

void OutputSums::add(const torch::Tensor& quantized, const torch::Tensor& full_precision,
                     int64_t channels) {
    const int64_t of_image = channels < 0 ? channels : channels - 1;
    for (int64_t i = 0; i < quantized.size(0); ++i) {
        const auto outputs = channels_first(quantized[i], of_image);
        const auto lacking = channels_first(full_precision[i], of_image) - outputs;
        const auto sum = [](const torch::Tensor& values) { return values.sum(1).to(torch::kCPU); };
        add({outputs.size(1), sum(outputs), sum(lacking), sum(outputs * outputs),
             sum(outputs * lacking)});
    }
}

void OutputSums::add(const OutputSums& other) {
    if (other.rows == 0) return;
    if (rows == 0) {
        *this = other;
        return;
    }
    rows += other.rows;
    x = x + other.x;
    d = d + other.d;
    xx = xx + other.xx;
    xd = xd + other.xd;
}

bool OutputSums::finite() const { return torch::isfinite(xx + xd).all().item<bool>(); }

bool AffineStep::moves() const { return slope.any().item<bool>() || shift.any().item<bool>(); }

AffineStep fit_affine(const OutputSums& sums, StepKind kind, bool shared_slope) {
    const auto n = static_cast<double>(sums.rows);
    if (kind == StepKind::shift) return {torch::zeros_like(sums.x), sums.d / n};
    const bool with_shift = kind == StepKind::factor_and_shift;
    auto spread = sums.xx, common = sums.xd;  // Σ of products of deviations from the mean
    if (with_shift) {
        spread = spread - sums.x * sums.x / n;
        common = common - sums.x * sums.d / n;
    }
    // A constant of fp32 numbers has this little spread by rounding alone.
    constexpr double rounding = 1e-10;
    const auto constant = spread <= rounding * sums.xx;
    spread = spread.masked_fill(constant, 0.0);
    common = common.masked_fill(constant, 0.0);
    if (shared_slope) {
        spread = spread.sum().expand_as(sums.x);
        common = common.sum().expand_as(sums.x);
    }
    auto slope = torch::where(spread > 0, common / spread, torch::zeros_like(common));
    slope = slope.masked_fill(slope <= -1.0, 0.0);
    return {slope, with_shift ? (sums.d - slope * sums.x) / n : torch::zeros_like(sums.d)};
}

}  // namespace comq
