#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "accuracy/accuracy.hpp"
#include "data/label_check.hpp"
#include "experiment/setup.hpp"
#include "experiment_config/experiment_config.hpp"

namespace comq {

/** The Top-1 that a full-precision network should have, and who says so. */
struct ExpectedAccuracy {
    double top1;  ///< percent
    std::string source;
};

/**
 * What is known of this checkpoint on these images: `evaluation.expected_top1`; else an entry of
 * `descriptor` (datasets/full_precision.yaml) for the two digests; else the published value of the
 * registry when the whole ImageNet validation set is evaluated. None: the pair is unknown.
 */
std::optional<ExpectedAccuracy> expected_accuracy(const ExperimentConfig& config,
                                                  const LoadedModel& model, const RunKeys& keys,
                                                  const std::filesystem::path& descriptor);

/** The entry of `descriptor` for a checkpoint and images, if any. */
std::optional<ExpectedAccuracy> recorded_accuracy(const std::filesystem::path& descriptor,
                                                  const std::string& checkpoint_sha256,
                                                  const std::string& images);

/** Whether Top-1 is off the expected value by no more than max(1 point, 2 standard errors). */
bool is_as_expected(const Accuracy& accuracy, const ExpectedAccuracy& expected);

/**
 * Throws GateError unless is_as_expected: a wrong checkpoint, label order or preprocessing would
 * make every later number wrong.
 */
void check_full_precision(const Accuracy& accuracy, const ExpectedAccuracy& expected);

/**
 * Throws GateError with the cause when the network is no better than guessing on `labels`, the
 * comparison of its predictions with the labels, when it predicts one class whatever it is shown,
 * or when far more would be right with labels of another order: nothing could be learned from
 * quantizing it.
 */
void check_plausible(const LabelCheck& labels);

}  // namespace comq
