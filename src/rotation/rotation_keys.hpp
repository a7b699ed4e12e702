#pragma once

#include "config/schema.hpp"
#include "rotation/rotation_config.hpp"

namespace comq {

/** The keys of the section `rotation`. */
Schema<RotationConfig, RunKey> rotation_keys();

}  // namespace comq
