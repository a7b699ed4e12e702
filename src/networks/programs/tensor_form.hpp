#pragma once

#include "torch_bridge/torch.hpp"

#include <ATen/core/stack.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace comq {

/**
 * How a tap is shown the input or output of a node: as a Linear layer has it, `[..., channels]`, or
 * as maps, `[B, C, H, W]`, whatever dimensions the node's own operator has.
 */
class TensorForm {
  public:
    /** As it is. */
    TensorForm() = default;
    /** `[B, C, L]` as `[B, C, 1, L]`. */
    static TensorForm map_of_height_1();
    /** Its dimensions in the order `axes`, those after the first `rows` of them as one. */
    static TensorForm rows(std::vector<int64_t> axes, int64_t rows);

    torch::Tensor shown(const torch::Tensor& tensor) const;
    /** What shows as `shown`, of these sizes. */
    torch::Tensor hidden(const torch::Tensor& shown, torch::IntArrayRef sizes) const;

  private:
    enum class Kind { as_it_is, map_of_height_1, rows };
    Kind kind_ = Kind::as_it_is;
    std::vector<int64_t> axes_;
    int64_t rows_ = 0;
};

/** Where a node takes a tensor: an argument of its operator, or an item of one that is a list. */
struct Place {
    std::size_t argument = 0;
    std::optional<std::size_t> item = {};

    torch::Tensor get(const torch::jit::Stack& stack) const;
    void set(torch::jit::Stack& stack, torch::Tensor tensor) const;
};

}  // namespace comq
