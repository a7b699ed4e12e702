#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "experiment/layer_plan.hpp"
#include "experiment/workload.hpp"
#include "experiment_config/load_config.hpp"
#include "networks/network.hpp"

namespace comq {

/** What a run would do and cost: `--dry-run`. */
struct RunPlan {
    ExperimentConfig config;
    std::shared_ptr<Network> network;  ///< owns the layers that `layers` names
    LayerPlan layers;
    Workload workload;
    int64_t evaluation_images = 0;  ///< 0 when the data are not there yet
    int threads = 1;
};

/** Needs neither weights nor images; warns when images are missing. */
RunPlan plan_run(const LoadedConfig& loaded);

/** Estimated wall-clock seconds of the parts of a run. */
struct TimeEstimate {
    double calibration = 0.0;
    double solving = 0.0;
    double repair = 0.0;
    double evaluation = 0.0;  ///< 0 when the evaluation images are not there

    double sum() const { return calibration + solving + repair + evaluation; }
};
TimeEstimate estimate_time(const RunPlan& plan);

/** The estimated memory, disk and time, a line each. */
std::string estimate_text(const RunPlan& plan);

/** A table of the layers (kind, shape, bits, groups, rows, memory), and what is left out. */
std::string layers_text(const RunPlan& plan);

/** All of it for programs: the estimate in bytes and seconds, the resolved config, the layers. */
nlohmann::ordered_json plan_json(const RunPlan& plan);

}  // namespace comq
