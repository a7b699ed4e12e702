#pragma once

#include <array>
#include <atomic>

#include "data/loader.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/stage_times.hpp"
#include "experiment/statistics_stage.hpp"
#include "experiment_config/experiment_config.hpp"
#include "results/run_journal.hpp"

namespace comq {

/** Widths at which the error of each layer is measured; others are interpolated. */
inline constexpr std::array measured_bits{2, 4, 8};

/**
 * `quantization.average_bits`: widths of layers such that the sum of their squared relative errors
 * is least while all codes together take that many bits a weight on average (scales and zero
 * points apart; quantization/bit_allocation.hpp). The configured method itself is measured, at
 * measured_bits: on the demo networks and DeiT-Tiny that loses up to 3% of the sum against
 * measuring all widths, where round-to-nearest as a stand-in loses up to 25%. Layers whose bits a
 * rule of `quantization.layers` gives keep them, within the budget.
 *
 * Measured errors are taken from `journal` where an earlier run stored them, and stored there.
 * Throws UsageError when the budget can't be kept, Interrupted when `stop` is set.
 */
void choose_bits(LayerPlan& plan, const QuantizationConfig& config, StatisticsStage& statistics,
                 torch::Device device, RunJournal& journal, BadImages& bad, StageTimes& times,
                 const std::atomic<bool>& stop);

}  // namespace comq
