#pragma once

#include "torch_bridge/torch.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "networks/attention.hpp"
#include "networks/network.hpp"
#include "networks/norms.hpp"

namespace comq {

/**
 * The steps of a transformer's block, from tokens to tokens: attention with what comes before it,
 * as `attend` runs the modules `attending`, and the MLP behind its norm. Both add to their input.
 */
inline std::vector<ModuleStep> transformer_steps(
    std::vector<std::shared_ptr<torch::nn::Module>> attending, StepForward attend, LayerNorm norm,
    Mlp mlp) {
    const auto transform = [norm, mlp](const torch::Tensor& tokens) mutable {
        return mlp->joined(norm->forward(tokens), tokens);
    };
    return {{std::move(attending), std::move(attend)}, {{norm.ptr(), mlp.ptr()}, transform}};
}

}  // namespace comq
