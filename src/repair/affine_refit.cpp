#include "repair/affine_refit.hpp"

namespace comq {

namespace {

/** `[C, rows]` of one image in fp64. */
torch::Tensor channels_first(const torch::Tensor& image, int64_t channels) {
    return image.to(torch::kDouble).movedim(channels, 0).flatten(1);
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
             sum(outputs * lacking), sum(lacking * lacking)});
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
    dd = dd + other.dd;
}

double OutputSums::signal() const {
    return rows == 0 ? 0.0 : (xx + 2.0 * xd + dd).sum().item<double>();
}

double AffineStep::error(const OutputSums& sums) const {
    const auto n = static_cast<double>(sums.rows);
    // Σ (d − slope·x − shift)²
    const auto left = sums.dd - 2.0 * (slope * sums.xd + shift * sums.d) + slope * slope * sums.xx +
                      2.0 * slope * shift * sums.x + n * shift * shift;
    return left.sum().item<double>();
}

bool AffineStep::moves() const {
    return slope.defined() && (slope.any().item<bool>() || shift.any().item<bool>());
}

AffineStep fit_affine(const OutputSums& sums, AffineFreedom freedom) {
    if (sums.rows == 0) return {};
    const auto n = static_cast<double>(sums.rows);
    auto spread = sums.xx, common = sums.xd;  // Σ of products of deviations from the mean
    if (freedom.shift) {
        spread = spread - sums.x * sums.x / n;
        common = common - sums.x * sums.d / n;
    }
    // A constant of fp32 numbers has this little spread by rounding alone.
    constexpr double rounding = 1e-10;
    const auto constant = spread <= rounding * sums.xx;
    spread = spread.masked_fill(constant, 0.0);
    common = common.masked_fill(constant, 0.0);
    if (freedom.shared_slope) {
        spread = spread.sum().expand_as(sums.x);
        common = common.sum().expand_as(sums.x);
    }
    auto slope = torch::where(spread > 0, common / spread, torch::zeros_like(common));
    slope = slope.masked_fill(slope <= -1.0, 0.0);
    const auto shift = freedom.shift ? (sums.d - slope * sums.x) / n : torch::zeros_like(sums.d);
    return {slope, shift};
}

double best_strength(const AffineStep& step, const OutputSums& held_out) {
    if (held_out.rows == 0) return 1.0;
    double best = 0.0, least = held_out.dd.sum().item<double>();
    for (const double strength : {0.5, 1.0}) {
        const double error = step.times(strength).error(held_out);
        if (error < least) {
            best = strength;
            least = error;
        }
    }
    return best;
}

}  // namespace comq
