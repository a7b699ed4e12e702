#pragma once

#include "torch_bridge/torch.hpp"

#include <string>
#include <vector>

#include "networks/network.hpp"

namespace comq::test {

/**
 * Parameters that every language can generate alike (tests/data/golden/README.md): element i of
 * the tensor `name` is a hash of (name, i) in [−1, 1), scaled by the kind of the parameter.
 */
torch::Tensor hash_tensor(const std::string& name, const std::vector<int64_t>& shape);
void set_hash_weights(Network& network);
/** The tensor named "input": `[2, 3, size, size]`. */
torch::Tensor hash_input(int64_t size);

/** max|a − b| / max|b|. */
double relative_difference(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace comq::test
