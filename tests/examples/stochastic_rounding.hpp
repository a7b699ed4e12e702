#pragma once

#include "quantization/methods.hpp"

namespace comq {

extern const MethodEntry stochastic_rounding_method;

}  // namespace comq
