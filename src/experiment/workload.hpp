#pragma once

#include <cstdint>
#include <vector>

#include "experiment/layer_plan.hpp"
#include "experiment_config/experiment_config.hpp"
#include "image/preprocessing.hpp"
#include "networks/network.hpp"

namespace comq {

/** What one layer costs. */
struct LayerWorkload {
    int64_t rows_per_image = 0;       ///< rows of X that one image gives, per group
    double multiply_adds = 0.0;       ///< of the product X·W, per image
    double gram_multiply_adds = 0.0;  ///< of the triangle of XᵀX, per image
};

/** What a run will cost, from one probe with an empty image on one thread. */
struct Workload {
    std::vector<LayerWorkload> layers;       ///< in the order of LayerPlan::layers
    double forward_seconds_per_image = 0.0;  ///< measured on one thread
    double gram_seconds_per_image = 0.0;     ///< from the products' rate, measured on one thread
    double solve_seconds = 0.0;              ///< of all layers on one thread, by an assumed rate
    int64_t gram_bytes = 0;                  ///< of all planned layers while they are summed
    int64_t peak_bytes = 0;                  ///< estimate: weights, Grams, solvers, activations
    int64_t program_bytes = 0;               ///< measured: this program and its libraries
    int64_t disk_bytes = 0;             ///< of the result file, the journal and spooled activations
    int64_t forward_passes = 1;         ///< calibration passes that the memory budget makes
    double calibration_forwards = 1.0;  ///< what an image costs in calibration beside its Grams, in
                                        ///< forward passes: gradients, and error propagation
    double choice_forwards = 0.0;  ///< passes of single images that choose strengths of propagation
    double repair_forwards = 0.0;  ///< passes of single images that repairs make
};

/** Passes that calibration makes after the plain Grams: weighted rows, held-out images. */
int further_passes(const CalibrationConfig& config);

/** On the CPU. Each needs its whole Gram besides the triangle. */
int layers_solved_at_once(int threads);

Workload measure_workload(const Network& network, const LayerPlan& plan,
                          const Preprocessing& preprocessing, const ExperimentConfig& config,
                          int threads);

}  // namespace comq
