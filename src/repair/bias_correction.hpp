#pragma once

#include <cstdint>

#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/**
 * Takes the mean error of each output channel off: E[(W − Wq)x] over the rows x that the
 * full-precision network sees, closed form as in Nagel et al. (arXiv 1906.04721, §4.2) but from
 * data. It goes into the bias of the layer, or, where that has none, into the running mean of the
 * BatchNorm behind it. `original` and `quantized` are the same architecture; layers whose weights
 * are equal, or that have neither bias nor norm, stay as they are. Returns the layers corrected.
 *
 * The same bits for any number of threads. Throws what ImagePass does.
 */
int64_t correct_biases(const Network& original, Network& quantized, const ImagePass& pass);

}  // namespace comq
