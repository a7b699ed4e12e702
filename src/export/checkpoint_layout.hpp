#pragma once

#include <functional>
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

/** Names and shapes of a network, from those of a checkpoint. */
using Renaming = std::function<TensorMap(const TensorMap&)>;

/**
 * Undoes a `renaming` that made the names and shapes of `state` of those of `checkpoint`: prefixes
 * come back, joined rows (query, key, value) go to their own tensors again, matrices become
 * convolutions. A tensor that has got another size since (interpolated positions) keeps it.
 */
CheckpointTensors put_back(const TensorMap& checkpoint, const TensorMap& state,
                           const Renaming& renaming);

/** The network of a run in its checkpoint's names and shapes; a program's are its own. */
CheckpointTensors as_checkpoint(const ExportedRun& run);

}  // namespace comq
