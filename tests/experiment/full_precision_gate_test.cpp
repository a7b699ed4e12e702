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
        model.description = &find_model("deit_tiny_patch16_224");
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
    CHECK_THROWS_WITH(known.expected(), ContainsSubstring(known.descriptor.string()));
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
