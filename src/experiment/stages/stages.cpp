#include "experiment/stages/stages.hpp"

#include <algorithm>

#include "core/errors.hpp"

namespace comq {

Cost operator+(const Cost& first, const Cost& second) {
    Cost sum = first;
    sum.seconds.calibration += second.seconds.calibration;
    sum.seconds.solving += second.seconds.solving;
    sum.seconds.repair += second.seconds.repair;
    sum.seconds.evaluation += second.seconds.evaluation;
    sum.memory_bytes = std::max(first.memory_bytes, second.memory_bytes);
    sum.gram_bytes = std::max(first.gram_bytes, second.gram_bytes);
    sum.disk_bytes += second.disk_bytes;
    sum.forward_passes = std::max(first.forward_passes, second.forward_passes);
    return sum;
}

std::vector<const Stage*> stages_of(const ExperimentConfig& config) {
    std::vector<const Stage*> stages;
#define COMQ_ADD_STAGE(stage) \
    if (stage.takes_part(config)) stages.push_back(&stage);
    COMQ_STAGES(COMQ_ADD_STAGE)
#undef COMQ_ADD_STAGE
    return stages;
}

Cost cost_of_run(const Probe& probe) {
    Cost cost;
    for (const Stage* stage : stages_of(probe.config)) cost = cost + stage->cost(probe);
    return cost;
}

void check_ranks(const ExperimentConfig& config, int ranks) {
    if (ranks == 1) return;
    for (const Stage* stage : stages_of(config)) {
        if (stage->one_rank_setting.empty()) continue;
        throw UsageError("{} does not go with several ranks; start one process",
                         stage->one_rank_setting);
    }
}

}  // namespace comq
