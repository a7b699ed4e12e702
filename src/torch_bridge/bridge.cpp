#include "torch_bridge/bridge.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

struct TypePair {
    DType host;
    torch::ScalarType torch;
};

constexpr std::array<TypePair, 10> types{{{DType::f64, torch::kFloat64},
                                          {DType::f32, torch::kFloat32},
                                          {DType::f16, torch::kFloat16},
                                          {DType::bf16, torch::kBFloat16},
                                          {DType::i64, torch::kInt64},
                                          {DType::i32, torch::kInt32},
                                          {DType::i16, torch::kInt16},
                                          {DType::i8, torch::kInt8},
                                          {DType::u8, torch::kUInt8},
                                          {DType::boolean, torch::kBool}}};

torch::ScalarType torch_type(DType dtype) {
    const auto* found = std::ranges::find(types, dtype, &TypePair::host);
    COMQ_CHECK(found != types.end());
    return found->torch;
}

DType host_type(torch::ScalarType type) {
    const auto* found = std::ranges::find(types, type, &TypePair::torch);
    if (found == types.end()) {
        throw InputError("a tensor of dtype {} can't be stored", torch::toString(type));
    }
    return found->host;
}

}  // namespace

torch::Tensor to_torch(const HostTensor& tensor) {
    const auto options = torch::TensorOptions().dtype(torch_type(tensor.dtype));
    if (tensor.numel() == 0) return torch::empty(tensor.shape, options);
    auto owner = tensor.data;
    return torch::from_blob(
        const_cast<std::byte*>(tensor.data.get()), tensor.shape,
        [owner = std::move(owner)](void*) mutable { owner.reset(); }, options);
}

HostTensor to_host(const torch::Tensor& tensor) {
    const DType dtype = host_type(tensor.scalar_type());
    auto owner = std::make_shared<const torch::Tensor>(
        tensor.detach().to(torch::kCPU, tensor.scalar_type()).contiguous());
    const auto* bytes = static_cast<const std::byte*>(owner->data_ptr());
    return {dtype, tensor.sizes().vec(), std::shared_ptr<const std::byte>(std::move(owner), bytes)};
}

torch::Tensor dequantized(const HostTensor& codes, const HostTensor& scale,
                          const HostTensor& zero_point) {
    const int64_t out = codes.shape.at(0), groups = scale.shape.at(1);
    const auto grouped = [&](const HostTensor& values) {
        return to_float(values).view({out, groups, -1});
    };
    return (grouped(scale) * (grouped(codes) + grouped(zero_point))).view(codes.shape);
}

torch::Tensor to_float(const HostTensor& tensor) { return to_torch(tensor).to(torch::kFloat32); }

}  // namespace comq
