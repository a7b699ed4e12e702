#pragma once

#include "torch_bridge/torch.hpp"

#include <string>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq {

/** A list of tensors as "NAME/0", "NAME/1", …: what a journal can keep. */
TensorMap by_number(const std::string& name, const std::vector<torch::Tensor>& tensors);

/** The inverse; for reading only, as to_torch says. */
std::vector<torch::Tensor> numbered(const std::string& name, const TensorMap& map);

}  // namespace comq
