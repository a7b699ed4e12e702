#pragma once

#include <string>
#include <vector>

#include "config/schema.hpp"
#include "quantization/quantization_config.hpp"

namespace comq {

/** The keys of the section `quantization`; `methods` are the names it may have, any if empty. */
Schema<QuantizationConfig, RunKey> quantization_keys(const std::vector<std::string>& methods);

/** The layers that a rule names, as in a config; a glob alone without its key. */
std::string text_of(const LayerRule& rule);

}  // namespace comq
