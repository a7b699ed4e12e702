#pragma once

#include "experiment/stages/stages.hpp"

namespace comq {

extern const Stage prune_stage;

}  // namespace comq
