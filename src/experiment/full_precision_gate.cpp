#include "experiment/full_precision_gate.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace comq {

namespace {

// The ImageNet validation set; its images are those that published numbers belong to.
constexpr std::size_t imagenet_validation_images = 50'000;

std::optional<ExpectedAccuracy> find_in_descriptor(const std::filesystem::path& file,
                                                   const std::string& checkpoint,
                                                   const std::string& images) {
    try {
        for (const auto& entry : YAML::LoadFile(file.string())) {
            if (entry["checkpoint_sha256"].as<std::string>() == checkpoint &&
                entry["evaluation_images"].as<std::string>() == images) {
                return ExpectedAccuracy{entry["top1"].as<double>(),
                                        entry["source"].as<std::string>()};
            }
        }
    } catch (const YAML::Exception& error) {
        throw InputError("{}: {}; install comq again", file.string(), error.what());
    }
    return std::nullopt;
}

}  // namespace

std::optional<ExpectedAccuracy> expected_accuracy(const ExperimentConfig& config,
                                                  const LoadedModel& model, const RunKeys& keys,
                                                  const std::filesystem::path& descriptor) {
    if (config.evaluation.expected_top1) {
        return ExpectedAccuracy{*config.evaluation.expected_top1, "evaluation.expected_top1"};
    }
    if (const auto known =
            find_in_descriptor(descriptor, model.checkpoint_sha256, keys.evaluation_images)) {
        return known;
    }
    const auto& description = *model.description;
    if (description.data_set == "imagenet" && description.expected_top1 &&
        keys.evaluation_count == imagenet_validation_images) {
        return ExpectedAccuracy{*description.expected_top1,
                                "the checkpoint " + description.checkpoint + " as published"};
    }
    return std::nullopt;
}

void check_full_precision(const Accuracy& accuracy, const ExpectedAccuracy& expected) {
    const double tolerance = std::max(1.0, 2.0 * accuracy.top1_standard_error);
    const double difference = accuracy.top1 - expected.top1;
    if (std::abs(difference) <= tolerance) return;
    throw GateError(
        "full-precision Top-1 is {:.2f}% on {} images, but {} says {:.2f}%: off by "
        "{:.2f} points, {:.2f} are allowed. The checkpoint, the label order or the "
        "preprocessing is not the expected one; if this network is meant, set "
        "evaluation.expected_top1={:.2f}",
        accuracy.top1, accuracy.images, expected.source, expected.top1, difference, tolerance,
        accuracy.top1);
}

void check_above_chance(const LabelCheck& labels) {
    if (!labels.at_chance_level()) return;
    const bool no_pattern = labels.plausible() || labels.pattern == LabelPattern::unrelated;
    const std::string cause = no_pattern ? "labels or classes in another order, another "
                                           "preprocessing, the wrong checkpoint or random weights?"
                                         : labels.finding();
    throw GateError(
        "full-precision Top-1 is no better than guessing: {} of {} predictions agree with their "
        "labels, {:.1f} would by chance among {} classes; {} Nothing was quantized; set "
        "evaluation.allow_chance=true if such a network is meant",
        labels.agreeing, labels.images,
        static_cast<double>(labels.images) / static_cast<double>(labels.classes), labels.classes,
        cause.ends_with('?') ? cause : cause + ".");
}

}  // namespace comq
