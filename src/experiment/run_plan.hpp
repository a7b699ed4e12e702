#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/stages/stages.hpp"
#include "experiment_config/load_config.hpp"

namespace comq {

struct StageCost {
    std::string_view name;
    Cost cost;
};

/** What a run would do and cost: `--dry-run`. */
struct RunPlan {
    Probe probe;
    std::vector<StageCost> stages;
    Cost cost;  ///< of all stages; the memory is that of the whole process
};

/** Sums the stages that a run of this config has. Needs neither weights nor images. */
RunPlan plan_run(const ExperimentConfig& config);

/** The estimated memory, disk and time, a line each. */
std::string estimate_text(const RunPlan& plan);

/** A table of the layers (kind, shape, bits, groups, rows, memory), and what is left out. */
std::string layers_text(const RunPlan& plan);

/** All of it for programs: the estimate in bytes and seconds, the resolved config, the layers. */
nlohmann::ordered_json plan_json(const RunPlan& plan);

}  // namespace comq
