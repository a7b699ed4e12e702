#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/label_check.hpp"
#include "experiment/full_precision_gate.hpp"
#include "experiment/predict.hpp"
#include "experiment/preprocessing_hint.hpp"
#include "experiment/stages/stages.hpp"

namespace comq {

namespace {

EvaluationRecord evaluation_record(const Predictions& predictions, const ImageSource& source) {
    const Accuracy accuracy = accuracy_of(predictions);
    EvaluationRecord record;
    record.images = accuracy.images;
    if (accuracy.images > 0) {
        record.top1 = accuracy.top1;
        record.top5 = accuracy.top5;
        record.top1_standard_error = accuracy.top1_standard_error;
    }
    record.label = predictions.label;
    record.prediction = predictions.prediction;
    for (std::size_t i = 0; i < predictions.size(); ++i) {
        record.image.push_back(source.info(predictions.image[i]).id);
        record.in_top5.push_back(predictions.rank[i] < 5);
    }
    record.margin = predictions.margin;
    return record;
}

/** Stops a run whose numbers would mean nothing; `computed`: predictions are not from the cache. */
void pass_gate(RunContext& context, const Predictions& predictions, bool computed) {
    const auto& config = context.config;
    const Accuracy accuracy = accuracy_of(predictions);
    const auto valid = context.images.evaluation_source->valid_classes();
    const auto labels =
        check_labels(predictions.label, predictions.prediction,
                     valid.empty() ? context.model.description->classes : std::ssize(valid));
    const auto expected = expected_accuracy(config, context.model, context.keys,
                                            data_folder() / "datasets" / "full_precision.yaml");
    // Who expects so little expects it, and who only evaluates learns it from the result.
    const bool chance_matters =
        !expected && !config.evaluation.allow_chance && config.changes_the_network();
    // What is known to be as it should needs no hint, and from the cache it was given before.
    const bool is_expected = expected && is_as_expected(accuracy, *expected);
    const std::string hint =
        computed && !is_expected ? better_preprocessing(context, predictions) : std::string();
    if (!hint.empty()) spdlog::warn("{}", hint);
    try {
        if (chance_matters) check_plausible(labels);
        if (!labels.plausible()) spdlog::warn("{}", labels.warning());
        if (expected) check_full_precision(accuracy, *expected);
    } catch (const GateError&) {
        // Layers of a run that goes on may have cost hours, and the expectation may be wrong.
        if (context.journal->finished_layers().empty()) context.journal->remove();
        throw;
    }
    const std::string top1 = fmt::format("{:.2f}", accuracy.top1);
    const std::string found =
        fmt::format("full-precision Top-1 is {}% ± {:.2f}", top1, accuracy.top1_standard_error);
    if (expected) {
        spdlog::info("{}, as expected ({:.2f}%)", found, expected->top1);
    } else {
        spdlog::info(
            "{}, not checked: if it is right, set evaluation.expected_top1={} "
            "(--explain expected_top1)",
            found, top1);
    }
}

/** Without an image there is no accuracy; the journal holds nothing yet that is worth keeping. */
void check_some_read(const RunContext& context) {
    if (context.full_precision.size() > 0) return;
    context.journal->remove();
    const auto reasons = context.bad_evaluation.reasons();
    throw InputError("data.evaluation: none of the {} images can be read{}",
                     context.images.evaluation.size(),
                     reasons.empty() ? "" : "; the first: " + reasons.front());
}

void evaluate_full_precision(RunContext& context) {
    const bool cached = is_cached(context.cache, context.keys.full_precision);
    context.full_precision = context.times.timed("evaluate full precision", [&] {
        return predict_full_precision(*context.model.network, context.evaluation_pass(),
                                      *context.journal, context.cache, context.keys.full_precision);
    });
    check_bad_images(context, context.bad_evaluation);
    if (!context.ranks.root()) return;
    check_some_read(context);
    pass_gate(context, context.full_precision, !cached);
    context.record.full_precision =
        evaluation_record(context.full_precision, *context.images.evaluation_source);
}

void evaluate_quantized(RunContext& context) {
    const auto predictions = context.times.timed("evaluate quantized", [&] {
        return predict(*context.model.network, quantized_network, context.evaluation_pass(),
                       *context.journal,
                       {.tap = context.input_rounding ? &*context.input_rounding : nullptr,
                        .full_precision = &context.full_precision});
    });
    if (!context.ranks.root()) return;
    context.record.quantized = evaluation_record(predictions, *context.images.evaluation_source);
    context.record.quantized->kl = predictions.divergence;
    if (predictions.image != context.full_precision.image) {
        throw InputError(
            "the images that can be read changed while the run went on; start it again with "
            "--restart");
    }
    if (predictions.size() > 0) {
        context.record.agreement = agreement(context.full_precision, predictions);
    }
}

Cost cost_of_evaluation(const Probe& probe) {
    return {
        .seconds = {.evaluation = probe.seconds_of(static_cast<double>(probe.evaluation_images))}};
}

/** Its log-probabilities stay, in half precision: the quantized network is compared with them. */
Cost cost_of_full_precision(const Probe& probe) {
    Cost cost = cost_of_evaluation(probe);
    cost.disk_bytes =
        probe.evaluation_images * probe.classes * static_cast<int64_t>(size_of(DType::f16));
    cost.memory_bytes = cost.disk_bytes;
    return cost;
}

}  // namespace

const Stage evaluate_full_precision_stage{
    .name = "evaluate full precision",
    .takes_part = [](const ExperimentConfig&) { return true; },
    .cost = cost_of_full_precision,
    .run = evaluate_full_precision};

const Stage evaluate_quantized_stage{
    .name = "evaluate quantized",
    .takes_part = [](const ExperimentConfig& config) { return config.changes_the_network(); },
    .cost = cost_of_evaluation,
    .run = evaluate_quantized};

}  // namespace comq
