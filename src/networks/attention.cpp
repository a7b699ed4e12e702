#include "networks/attention.hpp"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "networks/attention_kernel.hpp"

namespace comq {

namespace {

/** 1/√d. */
double usual_scale(const torch::Tensor& query) {
    return 1 / std::sqrt(static_cast<double>(query.size(-1)));
}

/** Where matrix `index` begins in a tensor of `sizes` [..., rows, columns], whose own are last. */
int64_t offset_of(int64_t index, at::IntArrayRef sizes, at::IntArrayRef strides) {
    int64_t offset = 0;
    for (auto axis = sizes.size() - 2; axis-- > 0;) {
        offset += index % sizes[axis] * strides[axis];
        index /= sizes[axis];
    }
    return offset;
}

MatrixView<float> matrix_of(const torch::Tensor& tensor, int64_t index) {
    return {tensor.data_ptr<float>() + offset_of(index, tensor.sizes(), tensor.strides()),
            tensor.size(-2), tensor.size(-1), tensor.stride(-2)};
}

/** With the numbers of a row side by side. */
torch::Tensor with_rows(const torch::Tensor& tensor) {
    return tensor.stride(-1) == 1 ? tensor : tensor.contiguous();
}

/** Whether these are tensors for AttentionKernel, which computes no gradients. */
bool kernel_takes(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                  const torch::Tensor& bias) {
    if (at::GradMode::is_enabled() || query.dim() < 3) return false;
    for (const auto& tensor : {query, key, value}) {
        if (!tensor.device().is_cpu() || tensor.scalar_type() != torch::kFloat32 ||
            tensor.numel() == 0 || tensor.dim() != query.dim()) {
            return false;
        }
    }
    const auto leading = [](const torch::Tensor& tensor) {
        return tensor.sizes().slice(0, tensor.dim() - 2);
    };
    return leading(key) == leading(query) && leading(value) == leading(query) &&
           key.size(-1) == query.size(-1) && value.size(-2) == key.size(-2) &&
           (!bias.defined() || (bias.device().is_cpu() && bias.scalar_type() == torch::kFloat32));
}

torch::Tensor by_kernel(const torch::Tensor& query, const torch::Tensor& key,
                        const torch::Tensor& value, const torch::Tensor& bias, double scale) {
    const torch::Tensor q = with_rows(query), k = with_rows(key), v = with_rows(value);
    auto sizes = query.sizes().vec();
    sizes.back() = key.size(-2);
    const torch::Tensor added = bias.defined() ? bias.expand(sizes) : bias;
    sizes.back() = value.size(-1);
    // The heads of a token lie side by side, as the layer behind takes them.
    std::swap(*(sizes.rbegin() + 1), *(sizes.rbegin() + 2));
    torch::Tensor mixed = torch::empty(sizes, query.options()).transpose(-2, -3);
    const int64_t heads = q.numel() / (q.size(-1) * q.size(-2));
    at::parallel_for(0, heads, 1, [&](int64_t first, int64_t last) {
        AttentionKernel kernel;
        for (int64_t i = first; i < last; ++i) {
            AttentionHead head{.query = matrix_of(q, i),
                               .key = matrix_of(k, i),
                               .value = matrix_of(v, i),
                               .scale = static_cast<float>(scale),
                               .mixed = matrix_of(mixed, i)};
            if (added.defined()) {
                head.bias = matrix_of(added, i).data;
                head.bias_query_step = added.stride(-2);
                head.bias_key_step = added.stride(-1);
            }
            kernel.run(head);
        }
    });
    return mixed;
}

}  // namespace

std::optional<torch::Tensor> fused_attention(const torch::Tensor& query, const torch::Tensor& key,
                                             const torch::Tensor& value, const torch::Tensor& bias,
                                             std::optional<double> scale) {
    if (!kernel_takes(query, key, value, bias)) return std::nullopt;
    return by_kernel(query, key, value, bias, scale.value_or(usual_scale(query)));
}

torch::Tensor scaled_dot_product(const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value, const torch::Tensor& bias) {
    if (auto mixed = fused_attention(query, key, value, bias)) return *std::move(mixed);
#if TORCH_VERSION_MAJOR >= 2
    if (!bias.defined()) return at::scaled_dot_product_attention(query, key, value);
#endif
    torch::Tensor scores = torch::matmul(query * usual_scale(query), key.transpose(-2, -1));
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
