#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "device_descent/batched_descent.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/stages/stages.hpp"
#include "quantization/bit_allocation.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

namespace {

/** Widths at which the error of each layer is measured; others are interpolated. */
constexpr std::array measured_bits{2, 4, 8};

/** The squared relative error of one layer at each of measured_bits, [3] f64. */
HostTensor measure(const PlannedLayer& planned, const LayerStatistics& statistics,
                   const Method& method) {
    auto squares = relative_errors(planned, statistics, method, measured_bits);
    for (double& error : squares) error *= error;
    return HostTensor::copy_of<double>(DType::f64, {std::ssize(squares)}, squares);
}

int64_t weights_of(const PlannedLayer& planned) { return planned.entry.layer->weight().numel(); }

void log_choice(const LayerPlan& plan) {
    std::map<int, int> layers;
    int64_t weights = 0, bits = 0;
    for (const auto& planned : plan.layers) {
        ++layers[planned.bits];
        weights += weights_of(planned);
        bits += weights_of(planned) * planned.bits;
    }
    std::string text;
    for (const auto& [width, count] : layers) {
        text += fmt::format("{}{} layers at {} bits", text.empty() ? "" : ", ", count, width);
    }
    spdlog::info("bits chosen: {}; {:.3f} on average", text,
                 static_cast<double>(bits) / static_cast<double>(weights));
}

/** What a layer adds to the sum that is to be least, at each width. */
using LossOfLayer = std::function<ByBits(const std::string& layer)>;

/** Chooses for the layers whose bits no rule gives. */
void allocate(LayerPlan& plan, double average, const LossOfLayer& loss) {
    int64_t weights = 0, given = 0;
    std::vector<BitCandidate> candidates;
    for (const auto& planned : plan.layers) {
        weights += weights_of(planned);
        if (planned.bits_given) {
            given += weights_of(planned) * planned.bits;
            continue;
        }
        candidates.push_back({weights_of(planned), loss(planned.entry.layer->name())});
    }
    const auto budget = static_cast<int64_t>(std::floor(average * static_cast<double>(weights)));
    const auto bits = allocate_bits(candidates, budget - given);
    if (bits.size() < candidates.size() || budget < given) {
        throw UsageError(
            "quantization.average_bits: {} bits on average leave less than {} for the layers "
            "whose bits no rule of quantization.layers gives; raise it, or give fewer bits there",
            average, least_bits);
    }
    auto next = bits.begin();
    for (auto& planned : plan.layers) {
        if (!planned.bits_given) planned.bits = *next++;
    }
}

/**
 * The squared relative errors of layers at measured_bits, by name. The configured method itself is
 * measured: on the demo networks and DeiT-Tiny that loses up to 3% of the sum against measuring all
 * widths, where round-to-nearest as a stand-in loses up to 25%.
 */
TensorMap measured_errors(RunContext& context) {
    const QuantizationConfig& config = context.config.quantization;
    TensorMap errors = context.journal->tensors(TensorSet::bit_errors).value_or(TensorMap{});
    std::set<std::string> unmeasured;
    for (const auto& planned : context.plan.layers) {
        const std::string& name = planned.entry.layer->name();
        if (!planned.bits_given && !errors.contains(name)) unmeasured.insert(name);
    }
    const auto method = make_method(config, descent_on(context.device));
    std::mutex mutex;
    const auto visit = [&](const PlannedLayer& planned, const LayerStatistics& of_layer) {
        if (context.stop) throw Interrupted("interrupted while measuring errors to choose bits by");
        if (!unmeasured.contains(planned.entry.layer->name())) return;
        auto measured = measure(planned, of_layer, *method);
        const std::scoped_lock lock(mutex);
        errors[planned.entry.layer->name()] = std::move(measured);
        context.journal->store_tensors(TensorSet::bit_errors, errors);
    };
    if (!unmeasured.empty()) {
        context.statistics().for_each(
            context.plan.layers,
            {.stage = "choose bits", .progress = "choice of bits", .visit = visit, .again = true});
    }
    return errors;
}

ByBits loss_of_predictions(const RunContext& context, const std::string& layer) {
    std::vector<int> widths;
    std::vector<double> divergences;
    for (const SensitivityRecord& record : context.record.sensitivities) {
        if (record.unit != layer) continue;
        widths.push_back(static_cast<int>(record.bits));
        divergences.push_back(record.kl);
    }
    return interpolate_losses(widths, divergences);
}

/**
 * Widths of layers such that the sum of what `quantization.bits_criterion` says is least while all
 * codes together take `quantization.average_bits` a weight on average (scales and zero points
 * apart; quantization/bit_allocation.hpp). Layers whose bits a rule of `quantization.layers` gives
 * keep them, within the budget.
 */
void choose_bits(RunContext& context) {
    const double average = *context.config.quantization.average_bits;
    if (context.config.bits_are_chosen_by(BitsCriterion::predictions)) {
        allocate(context.plan, average,
                 [&](const std::string& layer) { return loss_of_predictions(context, layer); });
    } else {
        const TensorMap errors = measured_errors(context);
        allocate(context.plan, average, [&](const std::string& layer) {
            return interpolate_losses(measured_bits, errors.at(layer).as<double>());
        });
    }
    log_choice(context.plan);
}

/** Beside what quantizing the layers costs: the statistics are collected once. */
Cost cost_of_choice(const Probe& probe) {
    if (probe.config.bits_are_chosen_by(BitsCriterion::predictions)) return {};
    return {
        .seconds = {.solving = static_cast<double>(measured_bits.size()) * probe.solve_seconds()}};
}

std::string describe_choice(const Probe& probe) {
    const double average = *probe.config.quantization.average_bits;
    if (probe.config.bits_are_chosen_by(BitsCriterion::predictions)) {
        return fmt::format(
            "auto: bits are chosen by the predictions with each layer alone at {} bits, {} on "
            "average over all weights",
            fmt::join(probe.config.sensitivity_bits(), ", "), average);
    }
    return fmt::format(
        "auto: bits are chosen by the layers' errors at {} bits, {} on average over all weights",
        fmt::join(measured_bits, ", "), average);
}

}  // namespace

const Stage choose_bits_stage{.name = "choose bits",
                              .takes_part =
                                  [](const ExperimentConfig& config) {
                                      return config.quantizes_weights() &&
                                             config.quantization.average_bits.has_value();
                                  },
                              .cost = cost_of_choice,
                              .run = choose_bits,
                              .describe = describe_choice,
                              .one_rank_setting = "quantization.average_bits"};

}  // namespace comq
