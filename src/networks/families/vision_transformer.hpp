#pragma once

#include <cstdint>
#include <memory>

#include "networks/network.hpp"

namespace comq {

/** ViT (arXiv 2010.11929) and DeiT (arXiv 2012.12877), with timm's parameter names. */
struct VisionTransformerConfig {
    int64_t dim = 192;
    int64_t depth = 12;
    int64_t heads = 3;
    int64_t image_size = 224;
    int64_t patch_size = 16;
    int64_t classes = 1000;
    bool distilled = false;  ///< a second token and head; logits are the mean of both heads
    int64_t mlp_ratio = 4;   ///< hidden width of the perceptrons in units of `dim`
    double norm_eps = 1e-6;
};

std::shared_ptr<Network> make_vision_transformer(const VisionTransformerConfig& config);

}  // namespace comq
