#include "experiment/full_precision_gate.hpp"

#include <fstream>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

struct Known {
    ExperimentConfig config;
    LoadedModel model;
    RunKeys keys;
    std::filesystem::path descriptor = test::temporary_folder() / "full_precision.yaml";

    Known() {
        model.description =
            std::make_shared<const ModelDescription>(find_model("deit_tiny_patch16_224"));
        model.checkpoint_sha256 = "aa";
        keys.evaluation_images = "bb";
        keys.evaluation_count = 500;
        std::ofstream(descriptor) << "- {checkpoint_sha256: aa, evaluation_images: bb, top1: 88.2, "
                                     "source: test}\n";
    }
    std::optional<ExpectedAccuracy> expected() const {
        return expected_accuracy(config, model, keys, descriptor);
    }
};

}  // namespace

TEST_CASE("the expected accuracy belongs to a checkpoint and an evaluation set") {
    Known known;
    CHECK(known.expected()->top1 == 88.2);
    known.keys.evaluation_images = "other images";
    CHECK_FALSE(known.expected().has_value());
    known.keys.evaluation_count = 50'000;
    CHECK(known.expected()->top1 == known.model.description->expected_top1);
    known.config.evaluation.expected_top1 = 12.5;
    CHECK(known.expected()->top1 == 12.5);
}

TEST_CASE("a damaged descriptor is named") {
    Known known;
    std::ofstream(known.descriptor) << "- {checkpoint_sha256: aa\n";
    CHECK_THROWS_WITH(known.expected(), ContainsSubstring(known.descriptor.string() + ":") &&
                                            ContainsSubstring("install comq again"));
    std::ofstream(known.descriptor) << "\n- {checkpoint_sha256: aa, evaluation_images: bb}\n";
    CHECK_THROWS_WITH(known.expected(), ContainsSubstring(":2: 'top1' is no number"));
    std::ofstream(known.descriptor) << "key: value\n";
    CHECK_THROWS_WITH(known.expected(), ContainsSubstring("expected '- item' lines"));
}

TEST_CASE("the gate allows the larger of one point and two standard errors") {
    const ExpectedAccuracy expected{88.2, "test"};
    Accuracy accuracy{88.2, 98.0, 1.44, 500};
    CHECK_NOTHROW(check_full_precision(accuracy, expected));
    accuracy.top1 = 85.4;
    CHECK_NOTHROW(check_full_precision(accuracy, expected));
    accuracy.top1 = 85.2;
    CHECK_THROWS_AS(check_full_precision(accuracy, expected), GateError);
    accuracy = {87.3, 98.0, 0.15, 50'000};
    CHECK_NOTHROW(check_full_precision(accuracy, expected));
    accuracy.top1 = 87.1;
    CHECK_THROWS_WITH(check_full_precision(accuracy, expected),
                      ContainsSubstring("evaluation.expected_top1=87.10"));
}

namespace {

/** Labels 0, 1, …, 9, 0, …; `right` of 10 images are predicted right, others as the next class. */
LabelCheck ten_classes(int64_t images, int64_t right) {
    std::vector<int64_t> labels, predictions;
    for (int64_t i = 0; i < images; ++i) {
        labels.push_back(i % 10);
        const int64_t round = i / 10;
        predictions.push_back(round % 10 < right ? i % 10 : (i * 7 + round) % 10);
    }
    return check_labels(labels, predictions, 10);
}

}  // namespace

TEST_CASE("a network that is better than guessing passes, and so do few images") {
    CHECK_NOTHROW(check_plausible(ten_classes(500, 3)));
    CHECK_NOTHROW(check_plausible(ten_classes(40, 0)));
    CHECK_NOTHROW(check_plausible(LabelCheck{}));  // no labels at all
}

TEST_CASE("chance level is one divided by the classes, with three standard errors") {
    LabelCheck check;
    check.images = 1000;
    check.classes = 10;
    check.agreeing = 128;  // 100 + 3 sqrt(1000 · 0.1 · 0.9) = 128.5
    CHECK(check.at_chance_level());
    check.agreeing = 129;
    CHECK_FALSE(check.at_chance_level());
    check = {.images = 500, .agreeing = 2, .classes = 1000};  // 0.5 + 3 · 0.71 = 2.6
    CHECK(check.at_chance_level());
    check.agreeing = 3;
    CHECK_FALSE(check.at_chance_level());
    check = {.images = 500, .agreeing = 500, .classes = 1};
    CHECK_FALSE(check.at_chance_level());
}

TEST_CASE("a network at chance level stops the run with causes and the key that allows it") {
    CHECK_THROWS_AS(check_plausible(ten_classes(500, 0)), GateError);
    CHECK_THROWS_WITH(check_plausible(ten_classes(500, 0)),
                      ContainsSubstring("no better than guessing") &&
                          ContainsSubstring("50.0 would by chance among 10 classes") &&
                          ContainsSubstring("evaluation.allow_chance=true"));
}

TEST_CASE("labels of another order stop the run, though some are right") {
    LabelCheck check{.pattern = LabelPattern::one_too_high,
                     .images = 1000,
                     .agreeing = 200,
                     .explained = 700,
                     .classes = 10};
    REQUIRE_FALSE(check.at_chance_level());
    CHECK_THROWS_AS(check_plausible(check), GateError);
    CHECK_THROWS_WITH(check_plausible(check),
                      ContainsSubstring("200 of 1000 predictions agree; 700 would with every label "
                                        "one lower") &&
                          ContainsSubstring("Nothing was quantized"));
    check.pattern = LabelPattern::unrelated;
    CHECK_NOTHROW(check_plausible(check));
}

TEST_CASE("a network that predicts one class is not blamed on labels") {
    std::vector<int64_t> labels, predictions;
    for (int64_t i = 0; i < 200; ++i) {
        labels.push_back(i % 10);
        predictions.push_back(3);
    }
    CHECK_THROWS_WITH(
        check_plausible(check_labels(labels, predictions, 10)),
        ContainsSubstring("guessing: the network predicts class 3 for 200 images") &&
            !ContainsSubstring("labels"));
}
