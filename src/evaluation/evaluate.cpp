#include "evaluation/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/errors.hpp"

namespace comq {

namespace {

/** Of several right classes the one that the network ranks highest. */
int64_t best_label(const std::vector<int64_t>& labels, const float* logits) {
    return *std::ranges::max_element(labels, {}, [&](int64_t label) { return logits[label]; });
}

/** Logits of other classes than the valid ones become −∞; all are valid where none is named. */
void restrict_to(const std::vector<int64_t>& valid, torch::Tensor& logits) {
    if (valid.empty()) return;
    const auto kept = torch::tensor(valid);
    const auto restricted = torch::full_like(logits, -std::numeric_limits<float>::infinity());
    logits = restricted.index_copy(1, kept, logits.index_select(1, kept));
}

/** `logits`: [images, classes] on the CPU, contiguous. */
Predictions predictions_of(torch::Tensor logits, const ImageBatch& batch,
                           const ImageSource& source) {
    const int64_t classes = logits.size(1);
    Predictions predictions;
    restrict_to(source.valid_classes(), logits);
    for (int64_t i = 0; i < logits.size(0); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const auto name = [&] { return source.info(batch.indices[at]).id; };
        const std::vector<int64_t> right = source.labels(batch.indices[at]);
        const auto [lowest, highest] = std::ranges::minmax(right);
        if (lowest < 0) {
            throw InputError(
                "{}: has no label; evaluation needs a labelled data set "
                "(data.evaluation)",
                name());
        }
        if (highest >= classes) {
            throw InputError(
                "{}: label {} is no class of a network with {} classes; "
                "check model.name and data.synsets",
                name(), highest, classes);
        }
        const float* row = logits.data_ptr<float>() + i * classes;
        const int64_t label = best_label(right, row);
        if (!std::isfinite(row[label])) {
            throw InputError("{}: the network's output is NaN or infinite; check the checkpoint",
                             name());
        }
        append_prediction(predictions, batch.indices[at], label, row, classes);
    }
    return predictions;
}

}  // namespace

Predictions evaluate(const Network& network, const ImagePass& pass, Progress& progress, Tap* tap) {
    std::vector<Predictions> by_batch(static_cast<std::size_t>(pass.batches()));
    pass.run(progress, "evaluating", [&](const torch::Tensor& pixels, const ImageBatch& batch) {
        const torch::InferenceMode inference;
        by_batch[static_cast<std::size_t>(batch.batch)] = predictions_of(
            network.forward(pixels, tap).to(torch::kCPU).contiguous(), batch, *pass.images.source);
    });
    Predictions all;
    for (const auto& batch : by_batch) append(all, batch);
    return all;
}

}  // namespace comq
