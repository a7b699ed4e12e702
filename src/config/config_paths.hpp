#pragma once

#include <filesystem>
#include <string>

#include "config/load_config.hpp"

namespace comq {

/**
 * `~`, `~/...`, ${VAR} and ${VAR:-default} (for VAR unset or empty) replaced from the environment;
 * `$$` is a `$`. What can't be expanded is a problem of `key` at `position`.
 */
std::filesystem::path expand_path(const std::filesystem::path& path, const std::string& key,
                                  const YamlPosition& position, ConfigProblems& problems);

/** Expands every path of the config and makes it absolute (see load_config). */
void resolve_paths(const Schema<ExperimentConfig>& schema, LoadedConfig& loaded,
                   ConfigProblems& problems);

/**
 * Looks whether what the config names is there, before a run starts. Throws one UsageError with a
 * line for each missing path: who named it, how to get it; and how to run without any of them.
 */
void check_paths(const LoadedConfig& loaded);

}  // namespace comq
