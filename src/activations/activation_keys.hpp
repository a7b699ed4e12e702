#pragma once

#include "activations/activation_config.hpp"
#include "config/schema.hpp"

namespace comq {

/** The keys of the section `activations`. */
Schema<ActivationConfig, RunKey> activation_keys();

}  // namespace comq
