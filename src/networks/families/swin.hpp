#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/** Swin transformer (arXiv 2103.14030) with the parameter names of timm 0.6. */
struct SwinConfig {
    int64_t dim = 96;             ///< channels of the first stage; doubled by each patch merging
    std::vector<int64_t> depths;  ///< blocks of each stage
    std::vector<int64_t> heads;
    int64_t image_size = 224;
    int64_t patch_size = 4;
    int64_t window = 7;
    int64_t classes = 1000;
    int64_t mlp_ratio = 4;
    double norm_eps = 1e-5;
};

std::shared_ptr<Network> make_swin(const SwinConfig& config);

}  // namespace comq
