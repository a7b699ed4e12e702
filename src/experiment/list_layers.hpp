#pragma once

#include <string>

#include "experiment_config/experiment_config.hpp"

namespace comq {

/**
 * The layers of a config's network as a table for the terminal: kind, shape, block, and the bits
 * that each gets or why it stays in full precision. Nothing but the network is read.
 */
std::string list_layers(const ExperimentConfig& config);

}  // namespace comq
