#pragma once

#include "experiment_config/experiment_config.hpp"

namespace comq {

/**
 * Whether another seed may give another quantized network, other evaluation images or other images
 * to repair on. Where it can't, runs that differ in the seed have equal codes, predictions and
 * accuracies; only the errors of their layers are measured on other calibration images.
 */
bool depends_on_seed(const ExperimentConfig& config);

}  // namespace comq
