#include "report/config_values.hpp"

#include <yaml-cpp/yaml.h>

#include "core/errors.hpp"

namespace comq {

namespace {

std::string value_text(const YAML::Node& node) {
    if (node.IsNull()) return "null";
    if (node.IsScalar()) return node.Scalar();
    YAML::Emitter emitter;
    emitter.SetSeqFormat(YAML::Flow);
    emitter.SetMapFormat(YAML::Flow);
    emitter << node;
    return emitter.c_str();
}

void collect(const YAML::Node& map, const std::string& prefix,
             std::map<std::string, std::string>& values) {
    for (const auto& item : map) {
        const std::string key = prefix + item.first.Scalar();
        if (item.second.IsMap()) {
            collect(item.second, key + ".", values);
        } else {
            values[key] = value_text(item.second);
        }
    }
}

}  // namespace

std::map<std::string, std::string> config_values(const std::string& text,
                                                 const std::string& origin) {
    YAML::Node root;
    try {
        root = YAML::Load(text);
    } catch (const YAML::Exception& error) {
        throw InputError("{}: the stored config is no YAML: {}", origin, error.what());
    }
    if (!root.IsMap()) throw InputError("{}: the stored config is no map of keys", origin);
    std::map<std::string, std::string> values;
    collect(root, "", values);
    return values;
}

}  // namespace comq
