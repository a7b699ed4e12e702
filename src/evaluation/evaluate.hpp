#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "accuracy/accuracy.hpp"
#include "core/progress.hpp"
#include "data/image_source.hpp"
#include "data/loader.hpp"
#include "image/preprocessing.hpp"
#include "networks/network.hpp"

namespace comq {

/**
 * Runs `network` over the images and returns its predictions in the order of `indices` (images
 * that could not be read are left out). `tap`, if any, sees the inputs of layers on every thread
 * that runs the network.
 *
 * Throws InputError when an image has no label, a label is no class of the network, a logit is
 * NaN, or more images than `bad` allows are unreadable; Interrupted when `stop` is set.
 */
Predictions evaluate(const Network& network, const ImageSet& images, torch::Device device,
                     Progress& progress, BadImages& bad, const std::atomic<bool>& stop,
                     Tap* tap = nullptr);

}  // namespace comq
