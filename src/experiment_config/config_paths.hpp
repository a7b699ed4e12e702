#pragma once

#include "experiment_config/load_config.hpp"

namespace comq {

/** Expands every path of the config and makes it absolute (see load_config). */
void resolve_paths(const ExperimentSchema& schema, LoadedConfig& loaded, ConfigProblems& problems,
                   UnsetVariable unset = UnsetVariable::wrong);

/**
 * Looks whether what the config names is there, before a run starts. Throws one UsageError with a
 * line for each missing path: who named it, how to get it; and how to run without any of them.
 */
void check_paths(const LoadedConfig& loaded);
/** The same for a run on another machine: what that expands (text_elsewhere) it has to check. */
void check_paths_elsewhere(const LoadedConfig& loaded);

}  // namespace comq
