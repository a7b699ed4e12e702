#include "sweep/sweep_json.hpp"

#include <algorithm>

#include "config/yaml_json.hpp"
#include "core/json_text.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json point_json(const PointSet& sweep, const Point& point, const PointStatus& status) {
    const Point& run = point.same_as ? sweep.points[*point.same_as] : point;
    Json overrides = Json::object();
    for (std::size_t i = 0; i < sweep.varied.size(); ++i) {
        overrides[sweep.varied[i]] = json_of_yaml(point.values[i], sweep.varied[i]);
    }
    return {{"point", point.id},
            {"label", point.label},
            {"state", name_of(status.state)},
            {"same_as", point.same_as ? Json(run.id) : Json(nullptr)},
            {"file", run.result().string()},
            {"overrides", std::move(overrides)},
            {"top1", json_number(status.top1.value)},
            {"top1_standard_error", json_number(status.top1.standard_error)},
            {"seconds", json_number(status.seconds)},
            {"job", text_or_null(status.job)},
            {"log", text_or_null(status.log.string())},
            {"reason", text_or_null(status.detail)}};
}

}  // namespace

Json sweep_json(const PointSet& sweep, const std::vector<PointStatus>& statuses) {
    Json json{{"sweep", sweep.name},
              {"folder", sweep.folder.string()},
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
