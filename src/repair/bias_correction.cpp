#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "repair/repair.hpp"

namespace comq {

namespace {

/** A layer to correct, and the sums of its output errors by micro-batch, `[out]` in fp64. */
struct Correction {
    torch::Tensor weight_error;  ///< W − Wq
    torch::Tensor target;        ///< the parameter that takes the correction
    double sign;
    std::vector<torch::Tensor> sums;
    std::vector<int64_t> rows;
};

using Corrections = std::map<const Observable*, Correction>;  // by layers of the original

/** Sums (W − Wq)x of one micro-batch. */
class ErrorTap : public Tap {
  public:
    ErrorTap(Corrections& corrections, std::size_t batch)
        : corrections_(corrections), batch_(batch) {}

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        const auto found = corrections_.find(&observed);
        if (found == corrections_.end()) return input;
        const QuantizableLayer& layer = *observed.layer();
        // Rows are linear in the input and errors in the rows: sums may come first.
        const auto rows = layer.rows(input.to(torch::kDouble).sum({0}, /*keepdim=*/true));
        const auto sum = rows.sum({1}, /*keepdim=*/true);  // [groups, 1, m]
        Correction& correction = found->second;
        const auto error = correction.weight_error.to(torch::kDouble)
                               .reshape({layer.groups(), -1, layer.in_features()});
        const auto errors = (error * sum).sum({2}).flatten().to(torch::kCPU);
        // Once a call.
        torch::Tensor& total = correction.sums[batch_];
        total = total.defined() ? total + errors : errors;
        correction.rows[batch_] += rows.size(1) * input.size(0);
        return input;
    }

  private:
    Corrections& corrections_;
    std::size_t batch_;
};

Corrections corrections_of(const Network& original, const Network& quantized, std::size_t batches) {
    const auto means = means_behind(quantized);
    Corrections corrections;
    for (std::size_t i = 0; i < quantized.layers().size(); ++i) {
        QuantizableLayer& layer = *quantized.layers()[i].layer;
        const QuantizableLayer& before = *original.layers()[i].layer;
        Correction correction{before.weight() - layer.weight(), layer.bias(), 1.0, {}, {}};
        if (!correction.target.defined()) {
            const auto mean = means.find(&layer);
            if (mean == means.end()) continue;
            correction.target = mean->second;
            correction.sign = -1.0;
        }
        if (!correction.weight_error.any().item<bool>()) continue;
        correction.sums.resize(batches);
        correction.rows.resize(batches);
        corrections.emplace(&before, std::move(correction));
    }
    return corrections;
}

void apply(const Correction& correction) {
    torch::Tensor total;
    int64_t rows = 0;
    for (std::size_t i = 0; i < correction.sums.size(); ++i) {
        if (!correction.sums[i].defined()) continue;  // every image of the batch was unreadable
        total = total.defined() ? total + correction.sums[i] : correction.sums[i];
        rows += correction.rows[i];
    }
    if (rows == 0) return;
    auto target = correction.target;
    const auto mean = total.to(target.device()) / static_cast<double>(rows);
    target.copy_(target.to(torch::kDouble) + correction.sign * mean);
}

std::vector<RepairedParts> correct_biases(RepairContext& context) {
    const torch::NoGradGuard no_gradient;
    const auto pass = context.pass.in_batches_of(context.micro_batch);
    auto corrections =
        corrections_of(context.original, context.network, static_cast<std::size_t>(pass.batches()));
    pass.run("bias correction", "correcting biases",
             [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                 const torch::InferenceMode inference;
                 ErrorTap tap(corrections, static_cast<std::size_t>(batch.batch));
                 context.original.forward(pixels, &tap);
             });
    for (const auto& [layer, correction] : corrections) apply(correction);
    return {{"bias_correction", std::ssize(corrections), "layers corrected"}};
}

}  // namespace

/**
 * Takes the mean error of each output channel off: E[(W − Wq)x] over the rows x that the
 * full-precision network sees, closed form as in Nagel et al. (arXiv 1906.04721, §4.2) but from
 * data. It goes into the bias of the layer, or, where that has none, into the running mean of the
 * BatchNorm behind it. Layers whose weights are equal, or that have neither bias nor norm, stay as
 * they are. The same bits for any number of threads.
 */
const Repair bias_correction_repair{
    .enabled = [](const RepairConfig& config) { return config.bias_correction; },
    .apply = correct_biases,
    .forwards = [](const RepairSize& size) { return size.images; }};

}  // namespace comq
