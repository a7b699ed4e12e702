#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment_config/experiment_schema.hpp"

namespace comq {

/**
 * Methods of Brevitas that scripts/compare_peers.py runs and writes result files of: the names
 * that quantization.method has there. Tables know them; run_experiment does not.
 */
const std::vector<std::string>& peer_methods();

/** `known` with the methods of peers. */
KnownNames with_peers(KnownNames known);

/** The peer's method that "key=value" overrides ask for. */
std::optional<std::string> peer_method(const std::vector<std::string>& overrides);

}  // namespace comq
