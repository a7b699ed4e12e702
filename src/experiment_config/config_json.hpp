#pragma once

#include <nlohmann/json.hpp>

#include "experiment_config/load_config.hpp"

namespace comq {

/** Every key that the run reads, nested by section. */
nlohmann::ordered_json resolved_json(const ExperimentConfig& config);

/** Who set which key to what: an array of {key, value, origin}. */
nlohmann::ordered_json annotated_json(const LoadedConfig& loaded);

}  // namespace comq
