#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "experiment/layer_plan.hpp"
#include "experiment_config/experiment_config.hpp"
#include "networks/registry.hpp"

namespace comq {

/**
 * What the costs of a run follow from: its network with the weights of no checkpoint, its plan, and
 * rates measured on one thread with an empty image.
 */
struct Probe {
    ExperimentConfig config;
    int threads = 1;
    std::shared_ptr<const ModelDescription> model;
    std::shared_ptr<Network> network;  ///< owns the layers that `plan` names
    LayerPlan plan;                    ///< empty where the weights stay
    std::vector<int64_t> rows;         ///< that one image gives each layer of the plan, per group
    std::vector<bool> in_sums;         ///< whether its outputs are added to a residual stream
    int64_t classes = 0;
    int64_t evaluation_images = 0;                      ///< 0 when the data are not there yet
    std::vector<std::pair<std::string, int64_t>> sets;  ///< of `evaluation.sets`: images, likewise
    double forward_seconds = 0.0;                       ///< of one image
    double product_rate = 0.0;       ///< fp32 multiply-adds a second of a matrix product
    int64_t largest_step_input = 0;  ///< floats of one image
    int64_t program_bytes = 0;       ///< of this program and its libraries

    /** Wall-clock seconds of so many forward passes of one image. */
    double seconds_of(double forward_passes) const {
        return forward_passes * forward_seconds / threads;
    }
    /** Images that both networks are evaluated on, those of all sets. */
    int64_t all_evaluation_images() const;
    /** Images that are fitted to, each view counted. */
    int64_t fitted_images() const { return config.calibration.images * config.calibration.views; }
    /** Those held out included. */
    double calibration_images() const {
        return static_cast<double>(fitted_images() + config.calibration.holdout);
    }
    /** Wall-clock seconds of the triangles of all layers' XᵀX, for one image. */
    double gram_seconds() const;
    /** Wall-clock seconds of quantizing every layer once, by an assumed rate. */
    double solve_seconds() const;
    /** fp64 matrices of order m that solving one layer holds, its Gram among them. */
    double solver_matrices() const;
    /** Weights and buffers of one copy of the network. */
    int64_t parameter_bytes() const;
    /** What a forward pass holds on all threads together while the largest rows are made. */
    int64_t activation_bytes() const;
};

/** Needs neither weights nor images; warns when images are missing. */
Probe probe_run(const ExperimentConfig& config);

}  // namespace comq
