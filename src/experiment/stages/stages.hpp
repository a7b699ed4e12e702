#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/probe.hpp"
#include "experiment/run_context.hpp"

namespace comq {

/** Estimated wall-clock seconds by kind of work. */
struct Seconds {
    double calibration = 0.0;
    double solving = 0.0;
    double repair = 0.0;
    double evaluation = 0.0;

    double sum() const { return calibration + solving + repair + evaluation; }
};

/** What a stage takes, for `--dry-run`. */
struct Cost {
    Seconds seconds;
    int64_t memory_bytes = 0;    ///< at its peak, beside the program and the network
    int64_t gram_bytes = 0;      ///< of `memory_bytes`, while Grams are summed
    int64_t disk_bytes = 0;      ///< of the result file, the journal and spooled activations
    int64_t forward_passes = 0;  ///< over the calibration images, where memory needs several
};

/** One stage after the other: peaks do not meet, times and files add up. */
Cost operator+(const Cost& first, const Cost& second);

/**
 * A part of a run: what it costs and what it does. A stage takes all from the context and leaves
 * what it makes there, in the network and in the journal, from which a resumed run takes it. A new
 * one is a `Stage` at the end of its file and a line below.
 */
struct Stage {
    std::string_view name;  ///< "quantize layers"
    /** Whether runs of a config have it. */
    bool (*takes_part)(const ExperimentConfig& config);
    Cost (*cost)(const Probe& probe);
    void (*run)(RunContext& context);
    /** A line for `--dry-run` on what the config alone does not tell; null or empty: nothing. */
    std::string (*describe)(const Probe& probe) = nullptr;
    /** The setting that asks for it, where it does not go with several ranks. */
    std::string_view one_rank_setting = {};
    /** Of what it does, what other runs find in the cache; null: nothing. */
    void (*share)(RunContext& context) = nullptr;
};

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
