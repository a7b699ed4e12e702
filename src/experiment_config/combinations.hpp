#pragma once

#include "config/problems.hpp"
#include "experiment_config/load_config.hpp"

namespace comq {

/** Adds what is wrong between keys of `loaded`; `whole` is where keys that are not given stand. */
void check_combinations(const LoadedConfig& loaded, const YamlPosition& whole,
                        ConfigProblems& problems);

}  // namespace comq
