#include "accuracy/accuracy.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace comq {

Accuracy accuracy_of(const Predictions& predictions) {
    Accuracy accuracy;
    accuracy.images = static_cast<int64_t>(predictions.size());
    if (predictions.size() == 0) return accuracy;
    const auto n = static_cast<double>(predictions.size());
    const auto& rank = predictions.rank;
    const auto first = static_cast<double>(std::ranges::count(rank, 0));
    const auto five = static_cast<double>(
        std::ranges::count_if(rank, [](int64_t position) { return position < 5; }));
    const double share = first / n;
    accuracy.top1 = 100.0 * share;
    accuracy.top5 = 100.0 * five / n;
    accuracy.top1_standard_error = 100.0 * std::sqrt(share * (1.0 - share) / n);
    return accuracy;
}

double agreement(const Predictions& a, const Predictions& b) {
    COMQ_CHECK(a.image == b.image);
    if (a.size() == 0) return 0.0;
    std::size_t same = 0;
    for (std::size_t i = 0; i < a.size(); ++i) same += a.prediction[i] == b.prediction[i];
    return 100.0 * static_cast<double>(same) / static_cast<double>(a.size());
}

void append(Predictions& predictions, const Predictions& more) {
    for (const auto& [name, values] : prediction_columns) {
        (predictions.*values)
            .insert((predictions.*values).end(), (more.*values).begin(), (more.*values).end());
    }
}

void append_prediction(Predictions& predictions, int64_t image, int64_t label, const float* logits,
                       int64_t classes) {
    const int64_t best = std::max_element(logits, logits + classes) - logits;
    int64_t rank = 0;
    for (int64_t c = 0; c < classes; ++c) {
        rank += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
    }
    predictions.image.push_back(image);
    predictions.label.push_back(label);
    predictions.prediction.push_back(best);
    predictions.rank.push_back(rank);
}

}  // namespace comq
