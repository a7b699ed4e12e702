#include "sweep/shared_work.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "experiment_config/experiment_schema.hpp"
#include "experiment_config/method_reads.hpp"
#include "experiment_config/paths_elsewhere.hpp"
#include "sweep/slurm_script.hpp"

namespace comq {

namespace {

/** The keys that decide what a point's network predicts and what its statistics are. */
std::string shared_text(const ExperimentConfig& config) {
    using enum Effect;
    constexpr Affects shared =
        full_precision | calibration_images | evaluation_images | statistics | location;
    return experiment_schema().print(config, [&](const KeyInfo& info) {
        return info.key != "output.file" && info.affects.has_any(shared) &&
               is_read(info.key, config);
    });
}

}  // namespace

std::vector<std::size_t> sharing_points(const PointSet& set,
                                        const std::vector<std::size_t>& chosen) {
    // Several ranks use no cache.
    if (!set.slurm.shared_first || set.slurm.ranks > 1) return {};
    std::map<std::string, std::vector<std::size_t>> groups;
    for (const auto i : chosen) {
        const ExperimentConfig& config = set.points[i].config.config;
        const bool of_node = resolved_elsewhere(set.points[i].config, "resources.cache");
        if (!config.resources.cache.empty() && !of_node) groups[shared_text(config)].push_back(i);
    }
    std::vector<std::size_t> first;
    for (const auto& [text, points] : groups) {
        if (points.size() > 1) first.push_back(points.front());
    }
    if (first.size() > max_array_size()) return {};
    std::ranges::sort(first);
    return first;
}

}  // namespace comq
