#include "networks/published_checkpoints.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "networks/publisher_prefixes.hpp"
#include "networks/recipe.hpp"
#include "networks/registry.hpp"
#include "storage/mapped_file.hpp"

namespace comq {

namespace {

using Json = nlohmann::json;

std::string architecture_of(const std::string& name) { return name.substr(0, name.find('.')); }

PublishedCheckpoint checkpoint_from(const Json& json, const std::string& file) {
    PublishedCheckpoint checkpoint{.name = json.at("name").get<std::string>(),
                                   .model = json.at("model").get<std::string>(),
                                   .digests = json.at("sha256").get<std::vector<std::string>>(),
                                   .source = json.at("source").get<std::string>(),
                                   .preprocessing = {},
                                   .top1 = {}};
    PreprocessingConfig& recipe = checkpoint.preprocessing;
    const auto read = [&](const char* key, auto& value) {
        using Value = typename std::remove_reference_t<decltype(value)>::value_type;
        if (json.contains(key)) value = json[key].get<Value>();
    };
    read("resize", recipe.resize);
    read("crop", recipe.crop);
    read("crop_pct", recipe.crop_pct);
    read("input_size", recipe.input_size);
    read("mean", recipe.mean);
    read("std", recipe.std);
    read("top1", checkpoint.top1);
    recipe.resize_mode =
        json.at("resize_mode") == "squash" ? ResizeMode::squash : ResizeMode::shortest;
    recipe.interpolation = interpolation_named(json.at("interpolation").get<std::string>(), file);
    return checkpoint;
}

std::vector<PublishedCheckpoint> read_checkpoints() {
    const auto file = data_folder() / "datasets" / "published_checkpoints.json";
    try {
        std::vector<PublishedCheckpoint> checkpoints;
        for (const Json& entry : Json::parse(map_file(file).text())) {
            checkpoints.push_back(checkpoint_from(entry, file.string()));
        }
        return checkpoints;
    } catch (const Json::exception& error) {
        throw InputError("{}: {}; install comq again", file.string(), error.what());
    }
}

}  // namespace

const std::vector<PublishedCheckpoint>& published_checkpoints() {
    static const std::vector<PublishedCheckpoint> checkpoints = read_checkpoints();
    return checkpoints;
}

const PublishedCheckpoint* find_published(const std::string& name) {
    const PublisherPrefix* publisher = publisher_of(name);
    const std::string bare = without_publisher(name);
    const PublishedCheckpoint* first = nullptr;
    for (const PublishedCheckpoint& checkpoint : published_checkpoints()) {
        if (publisher != nullptr && !checkpoint.source.starts_with(publisher->source)) continue;
        if (checkpoint.name == bare) return &checkpoint;
        if (first == nullptr && architecture_of(checkpoint.name) == bare) first = &checkpoint;
    }
    return first;
}

const PublishedCheckpoint* published_with_digest(const std::string& sha256) {
    const auto& checkpoints = published_checkpoints();
    const auto found = std::ranges::find_if(checkpoints, [&](const PublishedCheckpoint& known) {
        return std::ranges::any_of(
            known.digests, [&](const std::string& digits) { return sha256.starts_with(digits); });
    });
    return found == checkpoints.end() ? nullptr : &*found;
}

std::vector<std::string> known_model_names() {
    std::vector<std::string> names;
    std::set<std::string> seen;
    const auto add = [&](const std::string& name) {
        if (seen.insert(name).second) names.push_back(name);
    };
    for (const ModelDescription& model : model_registry()) add(model.name);
    for (const PublishedCheckpoint& checkpoint : published_checkpoints()) {
        add(checkpoint.name);
        add(architecture_of(checkpoint.name));
    }
    return names;
}

}  // namespace comq
