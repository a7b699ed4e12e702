#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "experiment_config/experiment_config.hpp"

namespace comq {

/**
 * The layers of a config's network as a table for the terminal: kind, shape, block, and the bits
 * that each gets or why it stays in full precision; then what can't be quantized, and norms that
 * repairs can't have, with the reasons. Nothing but the network is read.
 */
std::string list_layers(const ExperimentConfig& config);

/** The same for programs: an object. */
nlohmann::ordered_json layers_json(const ExperimentConfig& config);

}  // namespace comq
