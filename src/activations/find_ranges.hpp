#pragma once

#include <vector>

#include "activations/activation_config.hpp"
#include "activations/input_range.hpp"
#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/**
 * The ranges of `config` of the inputs of `layers` on the images of `pass`, which is made once,
 * or twice for percentiles. The same bits for any number of threads; memory does not grow with the
 * images. Throws what ImagePass does, and InputError on inputs that are not finite.
 */
InputRanges find_ranges(const Network& network, const std::vector<Network::LayerEntry>& layers,
                        const ActivationConfig& config, const ImagePass& pass);

}  // namespace comq
