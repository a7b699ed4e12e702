#pragma once

#include "models/registry.hpp"

namespace comq {

ModelDescription describe_pool_net();

}  // namespace comq
