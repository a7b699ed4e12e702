#pragma once

#include "calibration/calibration_config.hpp"
#include "config/schema.hpp"

namespace comq {

/** The keys of the section `calibration`. */
Schema<CalibrationConfig, RunKey> calibration_keys();

}  // namespace comq
