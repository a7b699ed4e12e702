#pragma once

#include <vector>

#include "experiment/stage.hpp"

namespace comq {

// Every stage, one line each, in the order of a run: the variable at the end of its file.
#define COMQ_STAGES(STAGE)                 \
    STAGE(evaluate_full_precision_stage)   \
    STAGE(prepare_network_stage)           \
    STAGE(rotate_network_stage)            \
    STAGE(find_input_ranges_stage)         \
    STAGE(measure_sensitivity_stage)       \
    STAGE(choose_bits_stage)               \
    STAGE(quantize_layers_stage)           \
    STAGE(quantize_on_own_inputs_stage)    \
    STAGE(repair_network_stage)            \
    STAGE(measure_cumulative_errors_stage) \
    STAGE(evaluate_quantized_stage)

#define COMQ_DECLARE_STAGE(stage) extern const Stage stage;
COMQ_STAGES(COMQ_DECLARE_STAGE)
#undef COMQ_DECLARE_STAGE

/** What a run of `config` does, in order. */
std::vector<const Stage*> stages_of(const ExperimentConfig& config);

/** Of all of them together. */
Cost cost_of_run(const Probe& probe);

/** Throws UsageError naming the setting of a stage that `ranks` > 1 processes can't share. */
void check_ranks(const ExperimentConfig& config, int ranks);

}  // namespace comq
