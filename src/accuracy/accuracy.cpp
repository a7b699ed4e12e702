#include "accuracy/accuracy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

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

namespace {

/** Adds `count` images of `more` from `first` on. */
void append_part(Predictions& predictions, const Predictions& more, std::size_t first,
                 std::size_t count) {
    const auto extend = [&](auto& column, const auto& values) {
        const std::size_t numbers = values.size() / more.size();  // of one image
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first * numbers);
        column.insert(column.end(), begin, begin + static_cast<std::ptrdiff_t>(count * numbers));
    };
    visit_columns(
        [&](const char* /*name*/, auto column) { extend(predictions.*column, more.*column); });
    extend(predictions.log_probability, more.log_probability);
}

}  // namespace

void append(Predictions& predictions, const Predictions& more) {
    if (more.size() > 0) append_part(predictions, more, 0, more.size());
}

void append_image(Predictions& predictions, const Predictions& more, std::size_t at) {
    append_part(predictions, more, at, 1);
}

void append_prediction(Predictions& predictions, int64_t image, int64_t label, const float* logits,
                       int64_t classes) {
    const int64_t best = std::max_element(logits, logits + classes) - logits;
    float second = -std::numeric_limits<float>::infinity();
    int64_t rank = 0;
    for (int64_t c = 0; c < classes; ++c) {
        rank += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
        if (c != best) second = std::max(second, logits[c]);
    }
    predictions.image.push_back(image);
    predictions.label.push_back(label);
    predictions.prediction.push_back(best);
    predictions.rank.push_back(rank);
    predictions.margin.push_back(static_cast<double>(logits[best]) - static_cast<double>(second));
    predictions.divergence.push_back(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace comq
