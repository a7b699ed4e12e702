#include "experiment_config/load_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/composition.hpp"
#include "config/override.hpp"
#include "core/child_process.hpp"
#include "experiment_config/combinations.hpp"
#include "experiment_config/config_paths.hpp"
#include "experiment_config/default_output.hpp"
#include "experiment_config/method_reads.hpp"
#include "experiment_config/paths_elsewhere.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

const PresetValues& values_of(Preset preset) {
    for (const auto& candidate : presets()) {
        if (candidate.preset == preset) return candidate;
    }
    return presets().front();
}

Preset preset_of(const ExperimentSchema& schema, const std::vector<YamlNode>& documents) {
    ExperimentConfig chosen;
    GivenKeys given;
    ConfigProblems reported_later;
    for (const auto& document : documents) schema.read(document, chosen, given, reported_later);
    return chosen.quantization.preset;
}

YamlNode preset_document(Preset preset) {
    const PresetValues& values = values_of(preset);
    ConfigProblems problems;
    auto document = parse_yaml(values.yaml, "preset " + values.name, problems, false);
    problems.throw_if_any();
    return std::move(*document);
}

/** A ready command, for somebody who gave a run several values of a key. */
std::string sweep_hint(const std::string& key, const std::string& values,
                       const std::string& source) {
    const std::string sweep = fmt::format("{{config: {}, grid: {{{}: {}}}}}",
                                          print_yaml_text(source), key, excerpt(values));
    return fmt::format(
        "one run takes one value; run_sweep varies keys: echo {} > sweep.yaml && run_sweep "
        "sweep.yaml (experiments/README.md)",
        shell_quoted(sweep));
}

std::vector<YamlNode> parse_overrides(const std::vector<std::string>& texts,
                                      const std::string& source, const LoadOptions& options,
                                      ConfigProblems& problems) {
    std::vector<YamlNode> documents;
    const auto& keys = experiment_schema(options.known).keys();
    for (const auto& text : texts) {
        if (const auto values = several_values(text, keys)) {
            const std::string key = text.substr(0, text.find('='));
            problems.add(YamlPosition("command line: " + excerpt(text)), key,
                         sweep_hint(key, *values, source));
        } else {
            documents.push_back(parse_override(text, keys, problems));
        }
    }
    return documents;
}

/** The name of the result where the config gives none. */
fs::path default_output_of(const std::string& source, const std::vector<YamlNode>& of_file,
                           const std::vector<YamlNode>& overrides, const LoadedConfig& loaded,
                           const ExperimentSchema& schema) {
    // What is wrong has been said when the whole config was read.
    ConfigProblems said;
    ExperimentConfig ignored;
    GivenKeys overridden;
    for (const auto& document : overrides) schema.read(document, ignored, overridden, said);
    LoadedConfig without;
    const Preset preset = loaded.config.quantization.preset;
    schema.read(preset_document(preset), without.config, without.given, said);
    for (const auto& document : of_file) {
        schema.read(document, without.config, without.given, said);
    }
    without.config.quantization.preset = preset;
    resolve_paths(schema, without, said);
    return default_output(fs::path(source).stem().string(),
                          {loaded, without, preset_of(schema, of_file), overridden}, schema);
}

/** Whether every key that is given has to be read. */
enum class Unread { refused, left_out };

LoadedConfig resolve(Composition composition, const std::string& source,
                     const std::vector<YamlNode>& overrides, const LoadOptions& options,
                     Unread unread, ConfigProblems& problems) {
    const std::vector<YamlNode>& of_file = composition.documents;
    std::vector<YamlNode> documents = of_file;
    documents.insert(documents.end(), overrides.begin(), overrides.end());
    const auto& schema = experiment_schema(options.known);

    LoadedConfig loaded;
    loaded.files = std::move(composition.files);
    schema.read(preset_document(preset_of(schema, documents)), loaded.config, loaded.given,
                problems);
    GivenLevels levels;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        GivenKeys given;
        schema.read(documents[i], loaded.config, given, problems);
        for (const auto& [key, position] : given) {
            loaded.given.insert_or_assign(key, position);
            // The command line is one document.
            levels[key] = std::min(i, of_file.size());
        }
    }
    // What is missing may stand in a part that couldn't be read.
    if (problems.empty()) {
        const YamlPosition whole(source, 1, 1);
        schema.require(loaded.given, whole, problems);
        check_combinations(loaded, whole, problems);
        if (unread == Unread::refused) check_reads(loaded, levels, problems);
    }
    keep_variables(schema, loaded);
    resolve_paths(schema, loaded, problems, options.unset);
    problems.throw_if_any();
    if (loaded.config.output.file.empty()) {
        loaded.config.output.file =
            fs::absolute(default_output_of(source, of_file, overrides, loaded, schema));
    }
    return loaded;
}

LoadedConfig load_file(const fs::path& file, const std::vector<YamlNode>& overrides,
                       const LoadOptions& options, ConfigProblems& problems) {
    auto composition = compose(file, options.fragment_folders, problems);
    // Without the file itself nothing else that could be said would help.
    if (composition.documents.empty()) problems.throw_if_any();
    return resolve(std::move(composition), file.string(), overrides, options, Unread::refused,
                   problems);
}

}  // namespace

std::string LoadedConfig::origin(const std::string& key) const {
    const auto found = given.find(key);
    return found == given.end() ? "default" : found->second.text();
}

LoadedConfig load_config(const fs::path& file, const std::vector<std::string>& overrides,
                         const LoadOptions& options) {
    ConfigProblems problems;
    const auto documents = parse_overrides(overrides, file.string(), options, problems);
    return load_file(file, documents, options, problems);
}

LoadedConfig load_config_documents(const fs::path& file, const std::vector<YamlNode>& overrides,
                                   const LoadOptions& options) {
    ConfigProblems problems;
    return load_file(file, overrides, options, problems);
}

LoadedConfig load_config_text(const std::string& text, const std::string& source,
                              const std::vector<std::string>& overrides,
                              const LoadOptions& options) {
    ConfigProblems problems;
    auto document = parse_yaml(text, source, problems);
    if (document && document->kind != YamlNode::Kind::map) {
        problems.add(document->position,
                     "expected 'key: value' lines, not " + document->describe());
    }
    if (!document || document->kind != YamlNode::Kind::map) problems.throw_if_any();
    const auto documents = parse_overrides(overrides, source, options, problems);
    return resolve(compose(*document, options.fragment_folders, problems), source, documents,
                   options, Unread::left_out, problems);
}

ExperimentConfig load_stored_config(const std::string& text, const std::string& file) {
    try {
        return load_config_text(text, file).config;
    } catch (const UsageError& error) {
        const std::string lines = error.what();
        throw InputError("{} (the config that the run stored; a later version wrote it?)",
                         lines.substr(0, lines.find('\n')));
    }
}

}  // namespace comq
