#include "evaluation/evaluate.hpp"

#include <cmath>
#include <vector>

#include "core/errors.hpp"

namespace comq {

namespace {

/** `logits`: [images, classes] on the CPU, contiguous. */
Predictions predictions_of(const torch::Tensor& logits, const ImageBatch& batch,
                           const ImageSource& source) {
    const int64_t classes = logits.size(1);
    Predictions predictions;
    for (int64_t i = 0; i < logits.size(0); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const int64_t label = batch.labels[at];
        const auto name = [&] { return source.info(batch.indices[at]).id; };
        if (label < 0) {
            throw InputError(
                "{}: has no label; evaluation needs a labelled data set "
                "(data.evaluation)",
                name());
        }
        if (label >= classes) {
            throw InputError(
                "{}: label {} is no class of a network with {} classes; "
                "check model.name and data.synsets",
                name(), label, classes);
        }
        const float* row = logits.data_ptr<float>() + i * classes;
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
