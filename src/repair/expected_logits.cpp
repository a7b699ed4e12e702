#include "repair/expected_logits.hpp"

namespace comq {

ExpectedLogits::ExpectedLogits(const Network& full_precision, const TrainingImages& images,
                               const ImagePass& pass)
    : images_(images) {
    const auto count = static_cast<std::size_t>(forms(images.config()));
    for (const int64_t index : pass.images.indices) logits_[index].resize(count);
    std::vector<int64_t> distinct;
    for (const auto& [index, logits] : logits_) distinct.push_back(index);
    // Threads fill entries of different images; none is added.
    pass.over(distinct).run(
        "full-precision logits", "computing full-precision logits",
        [&](const torch::Tensor& pixels, const ImageBatch& batch) {
            const torch::NoGradGuard no_gradient;
            for (std::size_t form = 0; form < count; ++form) {
                const torch::Tensor logits =
                    full_precision.forward(form == 0 ? pixels : pixels.flip({3}));
                for (std::size_t i = 0; i < batch.indices.size(); ++i) {
                    logits_.at(batch.indices[i])[form] = logits[static_cast<int64_t>(i)];
                }
            }
        });
}

torch::Tensor ExpectedLogits::of(const ImageBatch& batch, int64_t epoch) const {
    std::vector<torch::Tensor> rows;
    for (const int64_t index : batch.indices) {
        rows.push_back(logits_.at(index)[images_.is_mirrored(index, epoch) ? 1 : 0]);
        if (!rows.back().defined()) return {};
    }
    return torch::stack(rows);
}

int64_t ExpectedLogits::forms(const RepairConfig& config) {
    if (config.crops || config.mixtures) return 0;
    return config.flips ? 2 : 1;
}

}  // namespace comq
