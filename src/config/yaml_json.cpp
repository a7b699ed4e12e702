#include "config/yaml_json.hpp"

#include "config/problems.hpp"
#include "config/value_types.hpp"
#include "config/yaml_document.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

Json json_of_scalar(const YamlNode& node) {
    if (node.quoted) return node.scalar;
    if (node.scalar == "true" || node.scalar == "false") return node.scalar == "true";
    if (const auto whole = parse_number<int64_t>(node.scalar)) return *whole;
    if (const auto large = parse_number<uint64_t>(node.scalar)) return *large;
    if (const auto real = parse_number<double>(node.scalar)) return *real;
    return node.scalar;
}

Json json_of(const YamlNode& node) {
    switch (node.kind) {
        case YamlNode::Kind::null:
            return nullptr;
        case YamlNode::Kind::scalar:
            return json_of_scalar(node);
        case YamlNode::Kind::list: {
            Json list = Json::array();
            for (const auto& item : node.items) list.push_back(json_of(item));
            return list;
        }
        case YamlNode::Kind::map: {
            Json map = Json::object();
            for (const auto& entry : node.entries) map[entry.key] = json_of(entry.value);
            return map;
        }
    }
    return nullptr;
}

}  // namespace

Json json_of_yaml(const std::string& text, const std::string& source) {
    ConfigProblems problems;
    const auto node = parse_yaml(text, source, problems);
    problems.throw_if_any();
    return json_of(*node);
}

}  // namespace comq
