#pragma once

#include "repair/repair.hpp"

namespace comq {

extern const Repair centre_logits_repair;

}  // namespace comq
