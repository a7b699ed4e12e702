#include "repair/bias_correction.hpp"

#include <map>
#include <vector>

#include "repair/fold_batch_norm.hpp"

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

using Corrections = std::map<const QuantizableLayer*, Correction>;

/** Sums (W − Wq)x of one micro-batch. */
class ErrorTap : public Tap {
  public:
    ErrorTap(Corrections& corrections, std::size_t batch)
        : corrections_(corrections), batch_(batch) {}

    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        const auto found = corrections_.find(&layer);
        if (found == corrections_.end()) return input;
        // Rows are linear in the input and errors in the rows: sums may come first.
        const auto rows = layer.rows(input.to(torch::kDouble).sum({0}, /*keepdim=*/true));
        const auto sum = rows.sum({1}, /*keepdim=*/true);  // [groups, 1, m]
        Correction& correction = found->second;
        const auto error = correction.weight_error.to(torch::kDouble)
                               .view({layer.groups(), -1, layer.in_features()});
        correction.sums[batch_] = (error * sum).sum({2}).flatten().to(torch::kCPU);
        correction.rows[batch_] = rows.size(1) * input.size(0);
        return input;
    }

  private:
    Corrections& corrections_;
    std::size_t batch_;
};

Corrections corrections_of(const Network& original, const Network& quantized, std::size_t batches) {
    std::map<const QuantizableLayer*, BatchNorm2dImpl*> norms;
    for (const auto& pair : conv_norm_pairs(quantized)) norms[pair.convolution] = pair.norm;
    Corrections corrections;
    for (std::size_t i = 0; i < quantized.layers().size(); ++i) {
        QuantizableLayer& layer = *quantized.layers()[i].layer;
        const QuantizableLayer& before = *original.layers()[i].layer;
        Correction correction{before.weight() - layer.weight(), layer.bias(), 1.0, {}, {}};
        if (!correction.target.defined()) {
            const auto norm = norms.find(&layer);
            if (norm == norms.end()) continue;
            correction.target = norm->second->running_mean;
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

}  // namespace

int64_t correct_biases(const Network& original, Network& quantized, const ImagePass& pass) {
    const torch::NoGradGuard no_gradient;
    auto corrections =
        corrections_of(original, quantized, static_cast<std::size_t>(pass.batches()));
    pass.run("bias correction", "correcting biases",
             [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                 const torch::InferenceMode inference;
                 ErrorTap tap(corrections, static_cast<std::size_t>(batch.batch));
                 const TapScope scope(&tap);
                 original.forward(pixels);
             });
    for (const auto& [layer, correction] : corrections) apply(correction);
    return static_cast<int64_t>(corrections.size());
}

}  // namespace comq
