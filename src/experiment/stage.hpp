#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
 * one is a `Stage` at the end of its file in stages/ and a line in stages/stages.hpp.
 */
struct Stage {
    std::string_view name;  ///< "quantize layers"
    /** Whether runs of a config have it. */
    bool (*takes_part)(const ExperimentConfig& config);
    Cost (*cost)(const Probe& probe);
    void (*run)(RunContext& context);
    /** A line for `--dry-run` on what the config alone does not tell; null: nothing. */
    std::string (*describe)(const Probe& probe) = nullptr;
    /** The setting that asks for it, where it does not go with several ranks. */
    std::string_view one_rank_setting = {};
};

}  // namespace comq
