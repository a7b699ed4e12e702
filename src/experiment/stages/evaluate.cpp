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

/** Of another set than the main one, what is recorded of just these images counts. */
std::optional<ExpectedAccuracy> expected_on(const RunContext& context, const EvaluatedSet& set) {
    const auto descriptor = data_folder() / "datasets" / "full_precision.yaml";
    return set.is_main()
               ? expected_accuracy(context.config, context.model, context.keys, descriptor)
               : recorded_accuracy(descriptor, context.model.checkpoint_sha256, set.keys.images);
}

void say_accuracy(const EvaluatedSet& set, const Accuracy& accuracy,
                  const std::optional<ExpectedAccuracy>& expected) {
    const std::string top1 = fmt::format("{:.2f}", accuracy.top1);
    const std::string found = fmt::format("full-precision Top-1 {}is {}% ± {:.2f}",
                                          set.is_main() ? "" : fmt::format("on {} ", set.name),
                                          top1, accuracy.top1_standard_error);
    if (expected) {
        spdlog::info("{}, as expected ({:.2f}%)", found, expected->top1);
    } else if (set.is_main()) {
        spdlog::info(
            "{}, not checked: if it is right, set evaluation.expected_top1={} "
            "(--explain expected_top1)",
            found, top1);
    } else {
        spdlog::info("{}", found);
    }
}

/**
 * Stops a run whose numbers would mean nothing; `computed`: predictions are not from the cache.
 * What is expected of a further set is no key that could be corrected, so another Top-1 is a
 * warning.
 */
void pass_gate(RunContext& context, const EvaluatedSet& set, bool computed) {
    const auto& config = context.config;
    const Predictions& predictions = set.full_precision;
    const Accuracy accuracy = accuracy_of(predictions);
    const auto valid = set.source.valid_classes();
    const auto labels =
        check_labels(predictions.label, predictions.prediction,
                     valid.empty() ? context.model.description->classes : std::ssize(valid));
    const auto expected = expected_on(context, set);
    // Who expects so little expects it, and who only evaluates learns it from the result.
    const bool chance_matters =
        !expected && !config.evaluation.allow_chance && config.changes_the_network();
    // What is known to be as it should needs no hint, and from the cache it was given before.
    const bool is_expected = expected && is_as_expected(accuracy, *expected);
    const bool hint_matters = set.is_main() && computed && !is_expected;
    const std::string hint =
        hint_matters ? better_preprocessing(context, predictions) : std::string();
    if (!hint.empty()) spdlog::warn("{}", hint);
    const std::string of_set = set.is_main() ? "" : set.name + ": ";
    try {
        if (chance_matters) check_plausible(labels);
        if (!labels.plausible()) spdlog::warn("{}{}", of_set, labels.warning());
        if (expected && set.is_main()) check_full_precision(accuracy, *expected);
    } catch (const GateError& error) {
        // Layers of a run that goes on may have cost hours, and the expectation may be wrong.
        if (context.journal->finished_layers().empty()) context.journal->remove();
        throw GateError("{}{}", of_set, error.what());
    }
    if (expected && !is_expected) {
        spdlog::warn("{}full-precision Top-1 is {:.2f}%, but {} says {:.2f}%", of_set,
                     accuracy.top1, expected->source, expected->top1);
    } else {
        say_accuracy(set, accuracy, expected);
    }
}

/** Without an image there is no accuracy; the journal holds nothing yet that is worth keeping. */
void check_some_read(const RunContext& context, const EvaluatedSet& set) {
    if (set.full_precision.size() > 0) return;
    context.journal->remove();
    const auto reasons = set.bad.reasons();
    throw InputError("{}: none of the {} images can be read{}",
                     set.is_main() ? "data.evaluation" : "evaluation.sets, " + set.name,
                     set.indices.size(), reasons.empty() ? "" : "; the first: " + reasons.front());
}

void evaluate_full_precision(RunContext& context) {
    for (EvaluatedSet& set : context.sets) {
        const bool cached = is_cached(context.cache, set.keys.full_precision);
        set.full_precision = context.times.timed("evaluate full precision", [&] {
            return predict_full_precision(
                *context.model.network, context.evaluation_pass(set), *context.journal,
                context.cache,
                {network_on(full_precision_network, set.name), set.keys.full_precision});
        });
        check_bad_images(context, set.bad);
        if (!context.ranks.root()) continue;
        check_some_read(context, set);
        pass_gate(context, set, !cached);
        context.evaluations(set).full_precision = evaluation_record(set.full_precision, set.source);
    }
}

void evaluate_quantized(RunContext& context) {
    for (EvaluatedSet& set : context.sets) {
        const auto predictions = context.times.timed("evaluate quantized", [&] {
            return predict(*context.model.network, network_on(quantized_network, set.name),
                           context.evaluation_pass(set), *context.journal,
                           {.tap = context.input_rounding ? &*context.input_rounding : nullptr,
                            .full_precision = &set.full_precision});
        });
        if (!context.ranks.root()) continue;
        Evaluations& record = context.evaluations(set);
        record.quantized = evaluation_record(predictions, set.source);
        record.quantized->kl = predictions.divergence;
        if (predictions.image != set.full_precision.image) {
            throw InputError(
                "the images that can be read changed while the run went on; start it again with "
                "--restart");
        }
        if (predictions.size() > 0) {
            record.agreement = agreement(set.full_precision, predictions);
        }
    }
}

Cost cost_of_evaluation(const Probe& probe) {
    return {.seconds = {.evaluation =
                            probe.seconds_of(static_cast<double>(probe.all_evaluation_images()))}};
}

/** Its log-probabilities stay, in half precision: the quantized network is compared with them. */
Cost cost_of_full_precision(const Probe& probe) {
    Cost cost = cost_of_evaluation(probe);
    cost.disk_bytes =
        probe.all_evaluation_images() * probe.classes * static_cast<int64_t>(size_of(DType::f16));
    cost.memory_bytes = cost.disk_bytes;
    return cost;
}

std::string describe_sets(const Probe& probe) {
    if (probe.sets.empty()) return "";
    const auto images = [](int64_t count) {
        return count > 0 ? fmt::format("{} images", count) : std::string("not there");
    };
    std::string text =
        fmt::format("evaluated on {} ({})", main_set, images(probe.evaluation_images));
    for (const auto& [name, count] : probe.sets) {
        text += fmt::format(", {} ({})", name, images(count));
    }
    return text;
}

}  // namespace

const Stage evaluate_full_precision_stage{
    .name = "evaluate full precision",
    .takes_part = [](const ExperimentConfig&) { return true; },
    .cost = cost_of_full_precision,
    .run = evaluate_full_precision,
    .describe = describe_sets,
    .share = evaluate_full_precision};

const Stage evaluate_quantized_stage{
    .name = "evaluate quantized",
    .takes_part = [](const ExperimentConfig& config) { return config.changes_the_network(); },
    .cost = cost_of_evaluation,
    .run = evaluate_quantized};

}  // namespace comq
