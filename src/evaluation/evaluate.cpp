#include "evaluation/evaluate.hpp"

#include <cmath>

#include "core/errors.hpp"
#include "torch_bridge/batch_pixels.hpp"

namespace comq {

namespace {

Predictions predict_batch(const Network& network, ImageBatch& batch, const ImageSource& source,
                          torch::Device device, Tap* tap) {
    const torch::InferenceMode inference;
    const TapScope scope(tap);
    const auto count = static_cast<int64_t>(batch.indices.size());
    const auto logits =
        network.forward(batch_pixels(batch).to(device)).to(torch::kCPU).contiguous();
    const int64_t classes = logits.size(1);

    Predictions predictions;
    for (int64_t i = 0; i < count; ++i) {
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

Predictions evaluate(const Network& network, const ImageSet& images, torch::Device device,
                     Progress& progress, BadImages& bad, const std::atomic<bool>& stop, Tap* tap) {
    const auto total = static_cast<int64_t>(images.indices.size());
    const int64_t batches = (total + images.batch_size - 1) / images.batch_size;
    std::vector<Predictions> by_batch(static_cast<std::size_t>(batches));

    LoaderOptions options(device.is_cpu() ? Consume::parallel : Consume::serial);
    options.stop = &stop;
    const bool whole = for_each_batch(
        *images.source, images.indices, images.preprocessing, images.batch_size, bad,
        [&](ImageBatch&& batch) {
            const auto count = static_cast<int64_t>(batch.indices.size());
            by_batch[static_cast<std::size_t>(batch.batch)] =
                predict_batch(network, batch, *images.source, device, tap);
            progress.advance(count);
        },
        options);
    if (!whole) throw Interrupted("interrupted while evaluating");

    Predictions all;
    for (const auto& batch : by_batch) append(all, batch);
    return all;
}

}  // namespace comq
