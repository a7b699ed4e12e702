#include "experiment_config/config_json.hpp"

#include "config/yaml_json.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/method_reads.hpp"

namespace comq {

using Json = nlohmann::ordered_json;

Json resolved_json(const ExperimentConfig& config) {
    return json_of_yaml(resolved_text(config), "the resolved config");
}

Json annotated_json(const LoadedConfig& loaded) {
    const auto schema = experiment_schema();
    Json keys = Json::array();
    for (const auto& info : schema.keys()) {
        if (!is_read(info.key, loaded.config)) continue;
        Json entry;
        entry["key"] = info.key;
        entry["value"] = json_of_yaml(schema.find(info.key)->print(loaded.config), info.key);
        entry["origin"] = loaded.origin(info.key);
        keys.push_back(std::move(entry));
    }
    return keys;
}

}  // namespace comq
