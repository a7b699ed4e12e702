#pragma once

#include "experiment_config/experiment_schema.hpp"

namespace comq {

/** The names a config may use, for messages with the line of a typing error. */
KnownNames known_names();

}  // namespace comq
