#pragma once

#include "networks/families/families.hpp"

namespace comq {

extern const ModelFamily pool_net_family;

}  // namespace comq
