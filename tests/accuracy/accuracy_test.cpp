#include "accuracy/accuracy.hpp"

#include <array>

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the rank of the true class counts larger logits, the lower index first when equal") {
    const std::array<float, 6> logits{1.0F, 5.0F, 3.0F, 3.0F, 5.0F, -1.0F};
    Predictions predictions;
    for (int64_t label = 0; label < 6; ++label) {
        append_prediction(predictions, label, label, logits.data(), 6);
    }
    CHECK(predictions.rank == std::vector<int64_t>{4, 0, 2, 3, 1, 5});
    CHECK(predictions.prediction == std::vector<int64_t>(6, 1));
}

TEST_CASE("accuracy is in percent with its binomial standard error") {
    Predictions predictions;
    predictions.image = {0, 1, 2, 3};
    predictions.label = {0, 0, 0, 0};
    predictions.prediction = {0, 1, 0, 0};
    predictions.rank = {0, 4, 0, 0};
    auto accuracy = accuracy_of(predictions);
    CHECK(accuracy.top1 == Approx(75.0));
    CHECK(accuracy.top5 == Approx(100.0));
    // 100 · sqrt(0.75 · 0.25 / 4)
    CHECK(accuracy.top1_standard_error == Approx(21.6506));
    predictions.rank[1] = 5;
    CHECK(accuracy_of(predictions).top5 == Approx(75.0));
    CHECK(accuracy_of(Predictions{}).images == 0);
}

TEST_CASE("agreement compares predictions, right or wrong") {
    Predictions a, b;
    a.image = b.image = {3, 4, 5, 6};
    a.prediction = {1, 2, 3, 4};
    b.prediction = {1, 2, 0, 0};
    CHECK(agreement(a, b) == Approx(50.0));
}
