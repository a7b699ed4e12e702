#pragma once

#include <memory>

#include "quantization/method.hpp"

namespace comq {

std::unique_ptr<Method> make_stochastic_rounding(const QuantizationConfig& config,
                                                 const DescentFunction& descent);

}  // namespace comq
