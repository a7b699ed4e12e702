#pragma once

#include <functional>
#include <memory>
#include <string>

#include "networks/network.hpp"
#include "networks/registry.hpp"

namespace comq {

using NetworkFactory = std::function<std::shared_ptr<Network>(const NetworkSize&)>;

// Members of families, by who published their checkpoints; the registry fills in the family.

/** A checkpoint IMAGENET1K_V1 of torchvision with the Top-1 that its documentation states. */
ModelDescription torchvision_member(std::string name, const std::string& file, double top1,
                                    NetworkFactory factory);

/** A checkpoint of timm on Hugging Face with the Top-1 of timm's results/results-imagenet.csv. */
ModelDescription timm_member(std::string name, const std::string& checkpoint,
                             Preprocessing preprocessing, std::string license, double top1,
                             NetworkFactory factory);

/** timm's preprocessing of transformers: 248 bicubic, the middle 224, ImageNet's colours. */
Preprocessing bicubic_248();

/** A network of the embedded demo set: 32×32 images, 10 classes. */
ModelDescription demo_member(std::string name, NetworkFactory factory);

}  // namespace comq
