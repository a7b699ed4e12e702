#pragma once

#include "torch_bridge/torch.hpp"

#include <utility>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/**
 * Has a network compute in bf16 while it lives: its parameters and buffers are rounded, and it
 * takes and gives bf16. Afterwards they are as before, to the bit. Nobody else may use the network
 * meanwhile.
 */
class BFloat16Scope {
  public:
    explicit BFloat16Scope(Network& network);
    ~BFloat16Scope();
    BFloat16Scope(const BFloat16Scope&) = delete;
    BFloat16Scope& operator=(const BFloat16Scope&) = delete;

  private:
    std::vector<std::pair<torch::Tensor, torch::Tensor>> saved_;  ///< a tensor and its fp32 data
};

/** Whether the CPU multiplies bf16 matrices itself; elsewhere bf16 is slower than fp32. */
bool cpu_has_bfloat16();

}  // namespace comq
