#pragma once

#include <map>
#include <string>

#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/**
 * ‖Y − Ỹ‖_F / ‖XW‖_F of the outputs of each layer over the images of `pass`, by name: Y = XW + b
 * in `full_precision`, Ỹ in `quantized`, where the layer also sees what the layers before it
 * changed. With the inputs of `full_precision` it would be the layer's relative error.
 *
 * Both networks have the same blocks and layers. Holds the outputs of one block at a time. The same
 * bits for any number of threads. Throws what ImagePass does.
 */
std::map<std::string, double> cumulative_errors(const Network& full_precision,
                                                const Network& quantized, const ImagePass& pass,
                                                Tap* rounding = nullptr);

}  // namespace comq
