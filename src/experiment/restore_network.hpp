#pragma once

#include <filesystem>
#include <string>

#include "experiment/setup.hpp"
#include "results/run_record.hpp"

namespace comq {

/** Where the files of a run's network lie now; empty: where they lay then. */
struct NetworkFiles {
    std::filesystem::path weights = {};  ///< its checkpoint, or the program that has its weights
    std::filesystem::path program = {};  ///< a program whose weights are in a file of their own
};

/**
 * The weights that a run evaluated last (rounding of layer inputs is not part of them): its
 * checkpoint with the codes and the other changed tensors of `run` (read with
 * ReadScope::everything) in place. Throws InputError when a file is another than the run's, or does
 * not fit the run; `file` names the run in messages.
 */
LoadedModel restore_network(const RunRecord& run, const std::string& file,
                            const NetworkFiles& files = {});

}  // namespace comq
