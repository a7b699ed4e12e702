#include "torch_bridge/bridge.hpp"

#include <memory>
#include <utility>

#include "core/errors.hpp"

namespace comq {

namespace {

torch::ScalarType torch_type(DType dtype) {
    switch (dtype) {
        case DType::f64:
            return torch::kFloat64;
        case DType::f32:
            return torch::kFloat32;
        case DType::f16:
            return torch::kFloat16;
        case DType::bf16:
            return torch::kBFloat16;
        case DType::i64:
            return torch::kInt64;
        case DType::i32:
            return torch::kInt32;
        case DType::i16:
            return torch::kInt16;
        case DType::i8:
            return torch::kInt8;
        case DType::u8:
            return torch::kUInt8;
        case DType::boolean:
            return torch::kBool;
    }
    throw InputError("a tensor has an unknown dtype ({})", static_cast<int>(dtype));
}

DType host_type(torch::ScalarType type) {
    switch (type) {
        case torch::kFloat64:
            return DType::f64;
        case torch::kFloat32:
            return DType::f32;
        case torch::kFloat16:
            return DType::f16;
        case torch::kBFloat16:
            return DType::bf16;
        case torch::kInt64:
            return DType::i64;
        case torch::kInt32:
            return DType::i32;
        case torch::kInt16:
            return DType::i16;
        case torch::kInt8:
            return DType::i8;
        case torch::kUInt8:
            return DType::u8;
        case torch::kBool:
            return DType::boolean;
        default:
            throw InputError("a tensor of dtype {} can't be stored", torch::toString(type));
    }
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
