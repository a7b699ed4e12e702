#pragma once

#include "core/communicator.hpp"
#include "experiment_config/experiment_config.hpp"
#include "results/run_journal.hpp"

namespace comq {

/**
 * Has every rank compare what it is about to run with what the root is: the config, the content of
 * the files that it names, LibTorch and its instruction set, that of our own kernels, the build,
 * and the memory that layers are grouped by. Layers of two runs would end up in one result
 * otherwise. When any differs the root throws a UsageError that names the first such rank and what
 * differs, and no other rank returns.
 */
void check_same_run(Communicator& ranks, const RunIdentity& identity,
                    const ResourcesConfig& resources);

}  // namespace comq
