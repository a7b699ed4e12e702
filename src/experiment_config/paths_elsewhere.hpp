#pragma once

#include <string>

#include "experiment_config/load_config.hpp"

namespace comq {

/**
 * Notes in `loaded`, whose paths are still as they were given, how another machine has to read
 * those that name variables; LoadedConfig::elsewhere. To be called before resolve_paths expands
 * them here.
 */
void keep_variables(const ExperimentSchema& schema, LoadedConfig& loaded);

/** Whether the key's path depends on variables of the machine that reads it. */
bool resolved_elsewhere(const LoadedConfig& loaded, const std::string& key);

/**
 * The resolved config as YAML for another machine, which expands the variables that paths name by
 * its own environment. What is relative starts at the working directory of this process. Equal to
 * resolved_text() where no path names one.
 */
std::string text_elsewhere(const LoadedConfig& loaded);

}  // namespace comq
