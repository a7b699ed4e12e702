#pragma once

#include "config/schema.hpp"
#include "repair/repair_config.hpp"

namespace comq {

/** The keys of the section `repair`. */
Schema<RepairConfig, RunKey> repair_keys();

}  // namespace comq
