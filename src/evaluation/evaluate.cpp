#include "evaluation/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "passes/by_few_images.hpp"
#include "passes/kl_divergence.hpp"

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

std::vector<uint16_t> half_precision(const torch::Tensor& values) {
    const auto half = values.to(torch::kHalf).contiguous();
    const auto* bits = reinterpret_cast<const uint16_t*>(half.data_ptr<at::Half>());
    return {bits, bits + half.numel()};
}

/** The log-probabilities of the full-precision network, by image. */
class ExpectedProbabilities {
  public:
    explicit ExpectedProbabilities(const Predictions& predictions)
        : bits_(predictions.log_probability.data()) {
        const std::size_t images = predictions.size();
        COMQ_CHECK(images > 0 && predictions.log_probability.size() % images == 0);
        classes_ = static_cast<int64_t>(predictions.log_probability.size() / images);
        for (std::size_t row = 0; row < images; ++row) row_of_[predictions.image[row]] = row;
    }

    /** Writes the divergence of each of `predictions`, whose network has `log_q` [n, classes]. */
    void compare(const torch::Tensor& log_q, Predictions& predictions) const {
        for (std::size_t i = 0; i < predictions.size(); ++i) {
            const auto row = row_of_.find(predictions.image[i]);
            if (row == row_of_.end()) continue;
            const uint16_t* bits = bits_ + row->second * static_cast<std::size_t>(classes_);
            // Rounded to half precision they no longer sum to one.
            const auto log_p = log_probabilities(
                torch::from_blob(const_cast<uint16_t*>(bits), {1, classes_}, torch::kHalf));
            const auto image = static_cast<int64_t>(i);
            predictions.divergence[i] =
                kl_divergence(log_p, log_q.narrow(0, image, 1)).item<double>();
        }
    }

  private:
    const uint16_t* bits_;
    int64_t classes_ = 0;
    std::unordered_map<int64_t, std::size_t> row_of_;
};

/** Logits on the CPU, contiguous. */
torch::Tensor logits_of(const Network& network, const torch::Tensor& pixels, Tap* tap) {
    // A tap may look at a whole batch.
    const auto logits = tap != nullptr ? network.forward(pixels, tap)
                                       : run_by_few_images(network, pixels, 0, network.steps());
    return logits.to(torch::kCPU).contiguous();
}

}  // namespace

void evaluate_batches(const Network& network, const ImagePass& pass, Progress& progress,
                      const EvaluationExtras& extras,
                      const std::function<void(const ImageBatch&, Predictions&&)>& take) {
    std::optional<ExpectedProbabilities> expected;
    if (extras.full_precision != nullptr && extras.full_precision->size() > 0) {
        expected.emplace(*extras.full_precision);
    }
    pass.run(progress, "evaluating", [&](const torch::Tensor& pixels, const ImageBatch& batch) {
        const torch::InferenceMode inference;
        const auto logits = logits_of(network, pixels, extras.tap);
        auto predictions = predictions_of(logits, batch, *pass.images.source);
        if (extras.log_probabilities || expected) {
            const auto log_q = log_probabilities(logits);
            if (extras.log_probabilities) predictions.log_probability = half_precision(log_q);
            if (expected) expected->compare(log_q, predictions);
        }
        take(batch, std::move(predictions));
    });
}

Predictions evaluate(const Network& network, const ImagePass& pass, Progress& progress,
                     const EvaluationExtras& extras) {
    std::vector<Predictions> by_batch(static_cast<std::size_t>(pass.batches()));
    evaluate_batches(network, pass, progress, extras,
                     [&](const ImageBatch& batch, Predictions&& predictions) {
                         by_batch[static_cast<std::size_t>(batch.batch)] = std::move(predictions);
                     });
    Predictions all;
    for (const auto& batch : by_batch) append(all, batch);
    return all;
}

}  // namespace comq
