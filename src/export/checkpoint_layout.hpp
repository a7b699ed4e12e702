#pragma once

#include <map>
#include <string>
#include <vector>

#include "export/exported_run.hpp"

namespace comq {

/** The network of a run as the checkpoint that it began with has it. */
struct CheckpointTensors {
    /** Under that checkpoint's names, in its shapes; what no parameter came from is as it was. */
    TensorMap tensors;
    /** By the network's name of a tensor, those of the checkpoint that hold it. */
    std::map<std::string, std::vector<std::string>> origins;
};

/**
 * Undoes what canonical_tensors does: prefixes come back, joined rows (query, key, value) go to
 * their own tensors again, matrices become convolutions. Positions that were interpolated keep
 * their new size.
 */
CheckpointTensors as_checkpoint(const ExportedRun& run);

}  // namespace comq
