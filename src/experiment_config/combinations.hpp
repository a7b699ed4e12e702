#pragma once

#include <map>
#include <string>

#include "config/problems.hpp"
#include "experiment_config/load_config.hpp"

namespace comq {

/** Adds what is wrong between keys of `loaded`; `whole` is where keys that are not given stand. */
void check_combinations(const LoadedConfig& loaded, const YamlPosition& whole,
                        ConfigProblems& problems);

/** Whether a run with this method reads the key: of `quantization` each method has its own. */
bool is_read(const std::string& key, const std::string& method);

/** Of each given key, how late the document came that set it. */
using GivenLevels = std::map<std::string, std::size_t>;

/**
 * Adds a problem for each key that the method does not read and that was set where the method was
 * chosen or later. What stands in an earlier document may be meant for another method; it is left
 * out of the resolved config and of the identity.
 */
void check_reads(const LoadedConfig& loaded, const GivenLevels& levels, ConfigProblems& problems);

}  // namespace comq
