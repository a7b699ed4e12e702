#pragma once

#include "accuracy/accuracy.hpp"
#include "networks/network.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/**
 * Predictions of `network` for the images of `pass`, a part of what `progress` counts, in the order
 * of `indices` (images that could not be read are left out). `tap`, if any, sees the inputs of
 * layers on every thread that runs the network.
 *
 * Throws what ImagePass does, and InputError when an image has no label, a label is no class of the
 * network, or a logit is NaN.
 */
Predictions evaluate(const Network& network, const ImagePass& pass, Progress& progress,
                     Tap* tap = nullptr);

}  // namespace comq
