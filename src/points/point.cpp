#include "points/point.hpp"

#include <algorithm>
#include <set>

#include "quantization/method.hpp"

namespace comq {

namespace {

/** The last `parts` parts of a dotted key. */
std::string ending(const std::string& key, std::size_t parts) {
    std::size_t begin = key.size();
    while (parts-- > 0 && begin != 0) {
        const auto dot = key.rfind('.', begin - 1);
        if (dot == std::string::npos) return key;
        begin = dot;
    }
    return begin == 0 ? key : key.substr(begin + 1);
}

std::string file_name(const std::string& value) { return value.substr(value.rfind('/') + 1); }

/** The values that `key` has in all points. */
std::set<std::string> values_of(const PointSet& set, std::size_t key) {
    std::set<std::string> values;
    for (const auto& point : set.points) values.insert(point.values[key]);
    return values;
}

/** Whether the values are as different without the folders of paths. */
bool names_tell_apart(const std::set<std::string>& values) {
    std::set<std::string> names;
    for (const auto& value : values) names.insert(file_name(value));
    return names.size() == values.size();
}

/** Whether the seed decides which rows a layer has, or how they count. */
bool draws_rows(const CalibrationConfig& calibration) {
    return calibration.selection == Selection::random ||
           calibration.transform == CalibrationTransform::train || calibration.views > 1 ||
           calibration.rows_per_image || calibration.weighting == Weighting::row_importance;
}

/** Whether anything but the errors of layers depends on calibration images. */
bool reads_rows(const ExperimentConfig& config) {
    const auto& repair = config.repair;
    const bool by_codes =
        config.quantizes_weights() && (codes_depend_on_rows(config.quantization) ||
                                       config.calibration.inputs == CalibrationInputs::quantized);
    return by_codes || config.activations.calibrated() || repair.bias_correction ||
           repair.output_refit || repair.norm_refit;
}

/** Whether repairs draw images, or batches of them, of their own. */
bool repairs_draw(const RepairConfig& repair) {
    return repair.reestimate_batch_norm || repair.norm_tuning != NormTuning::none ||
           repair.block_reconstruction != BlockLoss::none || repair.images;
}

}  // namespace

std::size_t PointSet::runs() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(points, [](const Point& point) { return !point.same_as; }));
}

std::vector<std::string> short_keys(const std::vector<std::string>& keys) {
    std::vector<std::string> names;
    for (const auto& key : keys) {
        std::size_t parts = 1;
        const auto is_shared = [&] {
            return std::ranges::any_of(keys, [&](const std::string& other) {
                return other != key && ending(other, parts) == ending(key, parts);
            });
        };
        while (ending(key, parts) != key && is_shared()) ++parts;
        names.push_back(ending(key, parts));
    }
    return names;
}

void label_points(PointSet& set) {
    const auto names = short_keys(set.varied);
    std::vector<std::set<std::string>> values;
    bool any_differs = false;
    for (std::size_t key = 0; key < names.size(); ++key) {
        values.push_back(values_of(set, key));
        any_differs = any_differs || values.back().size() > 1;
    }
    for (std::size_t key = 0; key < names.size(); ++key) {
        if (any_differs && values[key].size() < 2) continue;
        const bool short_values = names_tell_apart(values[key]);
        for (auto& point : set.points) {
            const auto& value = point.values[key];
            point.label += (point.label.empty() ? "" : " ") + names[key] + "=" +
                           (short_values ? file_name(value) : value);
        }
    }
}

bool depends_on_seed(const ExperimentConfig& config) {
    return config.evaluation.images || repairs_draw(config.repair) ||
           (draws_rows(config.calibration) && reads_rows(config));
}

}  // namespace comq
