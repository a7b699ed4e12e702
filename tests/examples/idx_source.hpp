#pragma once

#include "data/layouts.hpp"

namespace comq {

extern const DataLayout idx_layout;

}  // namespace comq
