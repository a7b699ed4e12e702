#pragma once

#include <span>

#include "experiment_config/load_config.hpp"
#include "results/run_journal.hpp"
#include "results/run_record.hpp"

namespace comq {

struct RunOptions {
    Leftover leftover = Leftover::refuse;    ///< what to do with an interrupted run's parts
    std::span<const char* const> arguments;  ///< of main, for the provenance
    /**
     * Compute only what other runs can use, in `resources.cache`: full-precision predictions and
     * the statistics of layers. There is no result then, and no journal but one that was resumed.
     */
    bool shared_only = false;
};

/**
 * The main job: loads the network, evaluates it in full precision and stops when that is not the
 * accuracy expected, sums the statistics of every layer over the calibration images, quantizes
 * layer by layer, evaluates the quantized network, and writes `output.file`. Whatever is finished
 * is durable in the journal beside it until then.
 *
 * Where `output.file` holds this run already and `leftover` is not `restart`, that is said in one
 * line and its summary (ReadScope::summary) returned: nothing is computed.
 *
 * Throws UsageError when `output.file` holds another run and `leftover` is not `restart`,
 * GateError (full_precision_gate.hpp), Interrupted after a signal (core/interrupt.hpp), and what
 * the stages throw.
 */
RunRecord run_experiment(const LoadedConfig& loaded, const RunOptions& options);

}  // namespace comq
