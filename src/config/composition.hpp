#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"
#include "config/yaml_document.hpp"

namespace comq {

/** The documents a config is made of, those that lose against later ones first. */
struct Composition {
    std::vector<YamlNode> documents;           ///< maps without their `defaults:`
    std::vector<std::filesystem::path> files;  ///< where each came from
};

/**
 * Reads a YAML file and, before it, the fragments its `defaults: [a/b, c]` names, in order, and
 * theirs. A fragment (`.yaml` may be left out) is looked for beside the file that names it, beside
 * `file`, then in `folders`; `file` itself where it says, then in `folders`. What can't be read, is
 * missing or includes itself is a problem.
 */
Composition compose(const std::filesystem::path& file,
                    const std::vector<std::filesystem::path>& folders, ConfigProblems& problems);

/** The same for a document that is already parsed and stands nowhere: fragments are in `folders`.
 */
Composition compose(const YamlNode& document, const std::vector<std::filesystem::path>& folders,
                    ConfigProblems& problems);

}  // namespace comq
