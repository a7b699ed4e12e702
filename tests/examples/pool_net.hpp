#pragma once

#include "networks/registry.hpp"

namespace comq {

ModelDescription describe_pool_net();

}  // namespace comq
