#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiment_config/experiment_config.hpp"
#include "experiment_config/experiment_schema.hpp"

namespace comq {

/** What a path is that names a variable of the environment which is not set. */
enum class UnsetVariable {
    wrong,            ///< a problem
    known_elsewhere,  ///< for the machine to expand that runs the experiment
};

struct LoadOptions {
    KnownNames known;  ///< names of models, methods and layouts to check against
    /** Where fragments are looked for after the file's own folder: the shipped configs. */
    std::vector<std::filesystem::path> fragment_folders;
    UnsetVariable unset = UnsetVariable::wrong;
};

/** A config whose paths are as they were given where they name variables; see text_elsewhere. */
struct ElsewherePaths {
    ExperimentConfig config;     ///< of its paths only those of `keys` count
    std::set<std::string> keys;  ///< whose paths name variables or start at one that does
};

struct LoadedConfig {
    ExperimentConfig config;
    GivenKeys given;  ///< keys that don't have their default, and who set them
    std::vector<std::filesystem::path>
        files;  ///< the config and its fragments, as they were applied
    std::optional<ElsewherePaths> elsewhere{};  ///< none: no path names a variable

    /** Who set a key: "file:line", "preset paper", "command line: a.b=c" or "default". */
    std::string origin(const std::string& key) const;
};

/**
 * Reads an experiment's config. Precedence: schema defaults < preset < fragments in order < file <
 * overrides ("a.b=c", see parse_override) in order. Paths come out absolute: `~`, ${VAR} and
 * ${VAR:-default} are expanded, those of `data` start at data.root, the others at the working
 * directory. Whether they exist is check_paths' question. Where `output.file` is not given it is
 * that of default_output.
 * Throws one UsageError with a line for everything that is wrong, "file:line: key 'a.b': what",
 * keys that the method does not read among it (method_reads.hpp).
 */
LoadedConfig load_config(const std::filesystem::path& file,
                         const std::vector<std::string>& overrides = {},
                         const LoadOptions& options = {});

/** The same with overrides as parsed documents, whose positions messages then name. */
LoadedConfig load_config_documents(const std::filesystem::path& file,
                                   const std::vector<YamlNode>& overrides,
                                   const LoadOptions& options);

/**
 * The same for a text, like the config a result file stores, which may hold keys that its method
 * does not read; `source` is its name in messages, and its stem that of the default output.
 */
LoadedConfig load_config_text(const std::string& text, const std::string& source,
                              const std::vector<std::string>& overrides = {},
                              const LoadOptions& options = {});

/**
 * The config that a result file stores. Throws InputError of one line where this version can't read
 * it: `file` is damaged, or a later version wrote it.
 */
ExperimentConfig load_stored_config(const std::string& text, const std::string& file);

}  // namespace comq
