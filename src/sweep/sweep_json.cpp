#include "sweep/sweep_json.hpp"

#include <algorithm>

#include "config/value_types.hpp"
#include "core/json_text.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** A value as the config prints it, which is YAML: numbers, true, false and null, else its text. */
Json value_json(const YamlNode& node) {
    switch (node.kind) {
        case YamlNode::Kind::null:
            return nullptr;
        case YamlNode::Kind::list: {
            Json list = Json::array();
            for (const auto& item : node.items) list.push_back(value_json(item));
            return list;
        }
        case YamlNode::Kind::map: {
            Json map = Json::object();
            for (const auto& entry : node.entries) map[entry.key] = value_json(entry.value);
            return map;
        }
        case YamlNode::Kind::scalar:
            break;
    }
    if (node.quoted) return node.scalar;
    if (const auto integer = parse_number<int64_t>(node.scalar)) return *integer;
    if (const auto real = parse_number<double>(node.scalar)) return *real;
    if (node.scalar == "true" || node.scalar == "false") return node.scalar == "true";
    return node.scalar;
}

Json value_json(const std::string& yaml) {
    ConfigProblems ignored;
    const auto node = parse_yaml(yaml, "", ignored);
    return node ? value_json(*node) : Json(yaml);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json point_json(const Sweep& sweep, const SweepPoint& point, const PointStatus& status) {
    const SweepPoint& run = point.same_as ? sweep.points[*point.same_as] : point;
    Json overrides = Json::object();
    for (std::size_t i = 0; i < sweep.varied.size(); ++i) {
        overrides[sweep.varied[i]] = value_json(point.values[i]);
    }
    return {{"point", point.id},
            {"label", point.label},
            {"state", name_of(status.state)},
            {"same_as", point.same_as ? Json(run.id) : Json(nullptr)},
            {"file", run.result().string()},
            {"overrides", std::move(overrides)},
            {"top1", json_number(status.top1)},
            {"top1_standard_error", json_number(status.top1_standard_error)},
            {"seconds", json_number(status.seconds)},
            {"job", text_or_null(status.job)},
            {"log", text_or_null(status.log.string())},
            {"reason", text_or_null(status.detail)}};
}

}  // namespace

Json sweep_json(const Sweep& sweep, const std::vector<PointStatus>& statuses) {
    Json json{{"sweep", sweep.spec.name},
              {"folder", sweep.spec.folder.string()},
              {"counts", Json::object()},
              {"points", Json::array()}};
    for (const PointState state : all_point_states()) {
        json["counts"][std::string(name_of(state))] =
            std::ranges::count(statuses, state, &PointStatus::state);
    }
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        json["points"].push_back(point_json(sweep, sweep.points[i], statuses[i]));
    }
    return json;
}

}  // namespace comq
