#pragma once

#include <filesystem>
#include <string>

#include "config/problems.hpp"
#include "config/yaml_document.hpp"

namespace comq {

/**
 * `~`, `~/...`, ${VAR} and ${VAR:-default} (for VAR unset or empty) replaced from the environment;
 * `$$` is a `$`. What can't be expanded is a problem of `key` at `position`.
 */
std::filesystem::path expand_path(const std::filesystem::path& path, const std::string& key,
                                  const YamlPosition& position, ConfigProblems& problems);

/** Whether a path names variables, all of them in the form that expand_path takes. */
bool names_variable(const std::filesystem::path& path);

}  // namespace comq
