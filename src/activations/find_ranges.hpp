#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "activations/activation_config.hpp"
#include "activations/input_range.hpp"
#include "data/loader.hpp"
#include "networks/network.hpp"

namespace comq {

/**
 * The ranges of `config` of the inputs of `layers` on these images; one pass over them, two for
 * percentiles. `augmentation_seed`: as of LoaderOptions. The same bits for any number of threads;
 * memory does not grow with the images.
 *
 * Throws Interrupted when `stop` is set, InputError on unreadable images beyond the limit of `bad`
 * and on inputs that are not finite.
 */
InputRanges find_ranges(const Network& network, const std::vector<Network::LayerEntry>& layers,
                        const ActivationConfig& config, const ImageSet& images,
                        std::optional<uint64_t> augmentation_seed, torch::Device device,
                        BadImages& bad, const std::atomic<bool>& stop);

}  // namespace comq
