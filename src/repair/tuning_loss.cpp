#include "repair/tuning_loss.hpp"

namespace comq {

namespace {

/** Σ KL(p ‖ p̃) over images, in nats. */
torch::Tensor divergence(const torch::Tensor& expected, const torch::Tensor& logits) {
    return torch::kl_div(torch::log_softmax(logits, 1), torch::log_softmax(expected, 1),
                         at::Reduction::Sum, /*log_target=*/true);
}

/** Σ ‖x̃ − x‖² / ‖x‖² over images. */
torch::Tensor relative_error(const torch::Tensor& expected, const torch::Tensor& found) {
    const auto squares = [](const torch::Tensor& values) {
        return values.flatten(1).square().sum(1);
    };
    return (squares(found - expected) / squares(expected).clamp_min(1e-12)).sum();
}

}  // namespace

TuningLoss::TuningLoss(NormTuning kind, const Network& full_precision, const Network& quantized)
    : kind_(kind), full_precision_(full_precision), quantized_(quantized) {}

torch::Tensor TuningLoss::of(const torch::Tensor& pixels, const torch::Tensor& labels,
                             const torch::Tensor& expected) const {
    if (kind_ == NormTuning::full_precision_blocks) return of_blocks(pixels);
    const auto logits = quantized_.forward(pixels);
    if (kind_ == NormTuning::labels) {
        return torch::nll_loss(torch::log_softmax(logits, 1), labels, {}, at::Reduction::Sum);
    }
    if (expected.defined()) return divergence(expected, logits);
    const auto computed = [&] {
        const torch::NoGradGuard no_gradient;
        return full_precision_.forward(pixels);
    }();
    return divergence(computed, logits);
}

torch::Tensor TuningLoss::of_blocks(const torch::Tensor& pixels) const {
    const std::size_t last = quantized_.blocks().size() - 1;
    auto expected = pixels, found = pixels;
    torch::Tensor errors;
    for (std::size_t block = 0; block < last; ++block) {
        {
            const torch::NoGradGuard no_gradient;
            expected = full_precision_.run(expected, block, block + 1);
        }
        found = quantized_.run(found, block, block + 1);
        const auto error = relative_error(expected, found);
        errors = errors.defined() ? errors + error : error;
    }
    {
        const torch::NoGradGuard no_gradient;
        expected = full_precision_.run(expected, last, last + 1);
    }
    const auto total = divergence(expected, quantized_.run(found, last, last + 1));
    return errors.defined() ? total + errors / static_cast<double>(last) : total;
}

}  // namespace comq
