#pragma once

#include <map>
#include <string>

#include "experiment_config/load_config.hpp"

namespace comq {

/**
 * Whether a run of this config reads the key: of `quantization` each method has its own, of `data`
 * each layout, and what average_bits goes by is read where that is set.
 */
bool is_read(const std::string& key, const ExperimentConfig& config);

/** Of each given key, how late the document came that set it. */
using GivenLevels = std::map<std::string, std::size_t>;

/**
 * Adds a problem for each key that the method or the layout does not read and that was set where
 * that was chosen or later. What stands in an earlier document may be meant for another one; it is
 * left out of the resolved config and of the identity.
 */
void check_reads(const LoadedConfig& loaded, const GivenLevels& levels, ConfigProblems& problems);

}  // namespace comq
