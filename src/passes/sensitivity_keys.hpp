#pragma once

#include "config/schema.hpp"
#include "passes/sensitivity_config.hpp"

namespace comq {

/** The keys of the section `sensitivity`. */
Schema<SensitivityConfig, RunKey> sensitivity_keys();

}  // namespace comq
