#include "experiment/full_precision_gate.hpp"

#include <algorithm>
#include <cmath>

#include "config/problems.hpp"
#include "config/value_types.hpp"
#include "config/yaml_document.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

// The ImageNet validation set; its images are those that published numbers belong to.
constexpr std::size_t imagenet_validation_images = 50'000;

/** The text of `key` in an entry; empty when there is none. */
std::string text_of(const YamlNode& entry, std::string_view key) {
    const YamlNode* value = entry.find(key);
    return value == nullptr ? std::string() : value->scalar;
}

double tolerance_of(const Accuracy& accuracy) {
    return std::max(1.0, 2.0 * accuracy.top1_standard_error);
}

}  // namespace

std::optional<ExpectedAccuracy> recorded_accuracy(const std::filesystem::path& descriptor,
                                                  const std::string& checkpoint_sha256,
                                                  const std::string& images) {
    ConfigProblems problems;
    const auto entries = read_yaml_file(descriptor, problems, YamlNode::Kind::list);
    if (!problems.empty()) throw InputError("{}; install comq again", problems.lines().front());
    for (const YamlNode& entry : entries->items) {
        if (text_of(entry, "checkpoint_sha256") != checkpoint_sha256) continue;
        if (text_of(entry, "evaluation_images") != images) continue;
        const auto top1 = parse_number<double>(text_of(entry, "top1"));
        if (!top1) {
            throw InputError("{}: 'top1' is no number; install comq again", entry.position.text());
        }
        return ExpectedAccuracy{*top1, text_of(entry, "source")};
    }
    return std::nullopt;
}

std::optional<ExpectedAccuracy> expected_accuracy(const ExperimentConfig& config,
                                                  const LoadedModel& model, const RunKeys& keys,
                                                  const std::filesystem::path& descriptor) {
    if (config.evaluation.expected_top1) {
        return ExpectedAccuracy{*config.evaluation.expected_top1, "evaluation.expected_top1"};
    }
    if (const auto known =
            recorded_accuracy(descriptor, model.checkpoint_sha256, keys.evaluation_images)) {
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

bool is_as_expected(const Accuracy& accuracy, const ExpectedAccuracy& expected) {
    return std::abs(accuracy.top1 - expected.top1) <= tolerance_of(accuracy);
}

void check_full_precision(const Accuracy& accuracy, const ExpectedAccuracy& expected) {
    if (is_as_expected(accuracy, expected)) return;
    throw GateError(
        "full-precision Top-1 is {:.2f}% on {} images, but {} says {:.2f}%: off by "
        "{:.2f} points, {:.2f} are allowed. The checkpoint, the label order or the "
        "preprocessing is not the expected one; if this network is meant, set "
        "evaluation.expected_top1={:.2f}",
        accuracy.top1, accuracy.images, expected.source, expected.top1,
        accuracy.top1 - expected.top1, tolerance_of(accuracy), accuracy.top1);
}

void check_plausible(const LabelCheck& labels) {
    const std::string remedy =
        "Nothing was quantized; set evaluation.allow_chance=true if such a network is meant";
    if (labels.pattern == LabelPattern::one_class) {
        throw GateError("full-precision Top-1 is no better than guessing: {}. {}", labels.finding(),
                        remedy);
    }
    if (labels.at_chance_level()) {
        const bool no_pattern = labels.plausible() || labels.pattern == LabelPattern::unrelated;
        const std::string cause = no_pattern
                                      ? "labels or classes in another order, another "
                                        "preprocessing, the wrong checkpoint or random weights?"
                                      : labels.finding();
        throw GateError(
            "full-precision Top-1 is no better than guessing: {} of {} predictions agree with "
            "their labels, {:.1f} would by chance among {} classes; {} {}",
            labels.agreeing, labels.images,
            static_cast<double>(labels.images) / static_cast<double>(labels.classes),
            labels.classes, cause.ends_with('?') ? cause : cause + ".", remedy);
    }
    if (labels.plausible() || labels.pattern == LabelPattern::unrelated) return;
    const std::string warning = labels.warning();
    throw GateError("full precision, {}{} {}", warning, warning.ends_with('?') ? "" : ".", remedy);
}

}  // namespace comq
