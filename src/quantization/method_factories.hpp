#pragma once

#include <memory>

#include "quantization/method.hpp"

namespace comq {

/** One per method, each in a file of its own; method.cpp gives them their names. */
std::unique_ptr<Method> make_beacon(const QuantizationConfig& config,
                                    const DescentFunction& descent);
std::unique_ptr<Method> make_gpfq(const QuantizationConfig& config, const DescentFunction& descent);
std::unique_ptr<Method> make_gptq(const QuantizationConfig& config, const DescentFunction& descent);
std::unique_ptr<Method> make_rtn(const QuantizationConfig& config, const DescentFunction& descent);
std::unique_ptr<Method> make_comq(const QuantizationConfig& config, const DescentFunction& descent);
std::unique_ptr<Method> make_comq_plus(const QuantizationConfig& config,
                                       const DescentFunction& descent);

}  // namespace comq
