#pragma once

#include <filesystem>
#include <string>

#include "experiment/setup.hpp"
#include "results/run_record.hpp"

namespace comq {

/**
 * The weights that a run evaluated last (rounding of layer inputs is not part of them): its
 * checkpoint with the codes and the other changed
 * tensors of `run` (read with ReadScope::everything) in place. `weights` is where the checkpoint
 * lies now; empty: where it lay then. Throws InputError when it is another file than the run's, or
 * does not fit the run; `file` names the run in messages.
 */
LoadedModel restore_network(const RunRecord& run, const std::string& file,
                            const std::filesystem::path& weights = {});

}  // namespace comq
