#include "config/load_config.hpp"

#include "config/combinations.hpp"
#include "config/composition.hpp"
#include "config/config_paths.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

const PresetValues& values_of(Preset preset) {
    for (const auto& candidate : presets()) {
        if (candidate.preset == preset) return candidate;
    }
    return presets().front();
}

/** The keys of the preset that the documents choose. */
YamlNode preset_document(const Schema<ExperimentConfig>& schema,
                         const std::vector<YamlNode>& documents) {
    ExperimentConfig chosen;
    GivenKeys given;
    ConfigProblems reported_later;
    for (const auto& document : documents) schema.read(document, chosen, given, reported_later);
    const PresetValues& values = values_of(chosen.quantization.preset);
    ConfigProblems problems;
    auto document = parse_yaml(values.yaml, "preset " + values.name, problems, false);
    problems.throw_if_any();
    return std::move(*document);
}

std::vector<YamlNode> parse_overrides(const std::vector<std::string>& texts,
                                      ConfigProblems& problems) {
    std::vector<YamlNode> documents;
    for (const auto& text : texts) documents.push_back(parse_override(text, problems));
    return documents;
}

LoadedConfig resolve(Composition composition, const std::string& source,
                     const std::vector<YamlNode>& overrides, const LoadOptions& options,
                     ConfigProblems& problems) {
    composition.documents.insert(composition.documents.end(), overrides.begin(), overrides.end());
    const auto schema = experiment_schema(options.known);
    composition.documents.insert(composition.documents.begin(),
                                 preset_document(schema, composition.documents));

    LoadedConfig loaded;
    loaded.files = std::move(composition.files);
    for (const auto& document : composition.documents) {
        schema.read(document, loaded.config, loaded.given, problems);
    }
    // What is missing may stand in a part that couldn't be read.
    if (problems.empty()) {
        const YamlPosition whole(source, 1, 1);
        schema.require(loaded.given, whole, problems);
        check_combinations(loaded, whole, problems);
    }
    if (loaded.config.output.file.empty()) {
        loaded.config.output.file = fs::path("results") / fs::path(source).stem();
        loaded.config.output.file += ".h5";
    }
    resolve_paths(schema, loaded, problems);
    problems.throw_if_any();
    return loaded;
}

LoadedConfig load_file(const fs::path& file, const std::vector<YamlNode>& overrides,
                       const LoadOptions& options, ConfigProblems& problems) {
    auto composition = compose(file, options.fragment_folders, problems);
    // Without the file itself nothing else that could be said would help.
    if (composition.documents.empty()) problems.throw_if_any();
    return resolve(std::move(composition), file.string(), overrides, options, problems);
}

}  // namespace

std::string LoadedConfig::origin(const std::string& key) const {
    const auto found = given.find(key);
    return found == given.end() ? "default" : found->second.text();
}

LoadedConfig load_config(const fs::path& file, const std::vector<std::string>& overrides,
                         const LoadOptions& options) {
    ConfigProblems problems;
    const auto documents = parse_overrides(overrides, problems);
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
    const auto documents = parse_overrides(overrides, problems);
    return resolve(compose(*document, options.fragment_folders, problems), source, documents,
                   options, problems);
}

}  // namespace comq
