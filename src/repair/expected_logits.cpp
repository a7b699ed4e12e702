#include "repair/expected_logits.hpp"

namespace comq {

ExpectedLogits::ExpectedLogits(const Network& full_precision, const TrainingImages& images,
                               const ImagePass& pass)
    : images_(images) {
    for (const int64_t index : pass.images.indices) {
        row_.emplace(index, static_cast<int64_t>(row_.size()));
    }
    // Each image once; its row is its place among them.
    std::vector<int64_t> distinct(row_.size());
    for (const auto& [index, row] : row_) distinct[static_cast<std::size_t>(row)] = index;
    const ImagePass each = pass.over(distinct);
    const auto forms = static_cast<std::size_t>(ExpectedLogits::forms(images.config()));
    logits_.assign(forms, std::vector<torch::Tensor>(row_.size()));
    each.run("full-precision logits", "computing full-precision logits",
             [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                 const torch::NoGradGuard no_gradient;
                 for (std::size_t form = 0; form < forms; ++form) {
                     const torch::Tensor logits =
                         full_precision.forward(form == 0 ? pixels : pixels.flip({3}));
                     for (std::size_t i = 0; i < batch.indices.size(); ++i) {
                         logits_[form][static_cast<std::size_t>(row_.at(batch.indices[i]))] =
                             logits[static_cast<int64_t>(i)];
                     }
                 }
             });
}

torch::Tensor ExpectedLogits::of(const ImageBatch& batch, int64_t epoch) const {
    std::vector<torch::Tensor> rows;
    for (const int64_t index : batch.indices) {
        const std::size_t form = images_.is_mirrored(index, epoch) ? 1 : 0;
        rows.push_back(logits_[form][static_cast<std::size_t>(row_.at(index))]);
        if (!rows.back().defined()) return {};
    }
    return torch::stack(rows);
}

int64_t ExpectedLogits::forms(const RepairConfig& config) {
    if (config.crops || config.mixtures) return 0;
    return config.flips ? 2 : 1;
}

}  // namespace comq
