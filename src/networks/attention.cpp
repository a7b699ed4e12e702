#include "networks/attention.hpp"

#include <torch/version.h>

#include <cmath>

namespace comq {

torch::Tensor scaled_dot_product(const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value, const torch::Tensor& bias) {
#if TORCH_VERSION_MAJOR >= 2
    if (!bias.defined()) return at::scaled_dot_product_attention(query, key, value);
#endif
    const double scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));
    torch::Tensor scores = torch::matmul(query * scale, key.transpose(-2, -1));
    if (bias.defined()) scores = scores + bias;
    return torch::matmul(torch::softmax(scores, -1), value);
}

MlpImpl::MlpImpl(int64_t dim, int64_t hidden)
    : fc1_(register_module("fc1", Linear(dim, hidden))),
      fc2_(register_module("fc2", Linear(hidden, dim))) {}

torch::Tensor MlpImpl::joined(const torch::Tensor& tokens, const torch::Tensor& stream) {
    return fc2_->joined(fc1_->activated(tokens, Activation::gelu), stream);
}

}  // namespace comq
