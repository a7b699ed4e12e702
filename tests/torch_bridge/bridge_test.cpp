#include "torch_bridge/bridge.hpp"

#include <array>
#include <cstring>
#include <numeric>

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

HostTensor floats(std::vector<int64_t> shape) {
    std::vector<float> values(6);
    std::iota(values.begin(), values.end(), 0.5F);
    return HostTensor::copy_of<float>(DType::f32, std::move(shape), values);
}

}  // namespace

TEST_CASE("a host tensor becomes a torch tensor without a copy") {
    const HostTensor host = floats({2, 3});
    const torch::Tensor tensor = to_torch(host);
    CHECK(tensor.sizes().vec() == std::vector<int64_t>{2, 3});
    CHECK(tensor.data_ptr() == host.data.get());
    CHECK(tensor[1][2].item<float>() == 5.5F);
    CHECK(to_float(host).data_ptr() == host.data.get());
}

TEST_CASE("the bytes live as long as either tensor") {
    torch::Tensor tensor;
    std::weak_ptr<const std::byte> bytes;
    {
        const HostTensor host = floats({6});
        bytes = host.data;
        tensor = to_torch(host);
    }
    CHECK_FALSE(bytes.expired());
    CHECK(tensor.sum().item<float>() == 18.0F);

    HostTensor back = to_host(tensor);
    tensor = torch::Tensor();
    CHECK(back.as<float>()[5] == 5.5F);
    back = {};
    CHECK(bytes.expired());
}

TEST_CASE("a contiguous torch tensor is shared, a strided one copied in row-major order") {
    const torch::Tensor tensor = torch::arange(6, torch::kInt64).view({2, 3});
    CHECK(to_host(tensor).data.get() == tensor.data_ptr());

    const HostTensor transposed = to_host(tensor.t());
    CHECK(transposed.shape == std::vector<int64_t>{3, 2});
    const auto values = transposed.as<int64_t>();
    CHECK(std::vector<int64_t>(values.begin(), values.end()) ==
          std::vector<int64_t>{0, 3, 1, 4, 2, 5});
}

TEST_CASE("every dtype survives the way to torch and back") {
    const DType all[] = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                         DType::i32, DType::i16, DType::i8,  DType::u8,   DType::boolean};
    for (const DType dtype : all) {
        const std::vector<std::byte> bytes(4 * size_of(dtype), std::byte{1});
        const HostTensor host = HostTensor::copy_of<std::byte>(dtype, {2, 2}, bytes);
        const HostTensor back = to_host(to_torch(host));
        CHECK(back.dtype == dtype);
        CHECK(back.shape == host.shape);
        CHECK(std::memcmp(back.data.get(), bytes.data(), bytes.size()) == 0);
    }
    CHECK_THROWS_AS(to_host(torch::zeros({1}, torch::kComplexFloat)), InputError);
}

TEST_CASE("half and bfloat16 become float32 exactly") {
    // 1.5, −2, and the smallest positive number of each format.
    const std::array<uint16_t, 3> half{0x3E00, 0xC000, 0x0001};
    const torch::Tensor from_half = to_float(HostTensor::copy_of<uint16_t>(DType::f16, {3}, half));
    CHECK(from_half.scalar_type() == torch::kFloat32);
    CHECK(from_half[0].item<float>() == 1.5F);
    CHECK(from_half[1].item<float>() == -2.0F);
    CHECK(from_half[2].item<float>() == 0x1p-24F);

    const std::array<uint16_t, 3> brain{0x3FC0, 0xC000, 0x0080};
    const torch::Tensor from_brain =
        to_float(HostTensor::copy_of<uint16_t>(DType::bf16, {3}, brain));
    CHECK(from_brain[0].item<float>() == 1.5F);
    CHECK(from_brain[1].item<float>() == -2.0F);
    CHECK(from_brain[2].item<float>() == 0x1p-126F);
}

TEST_CASE("empty and scalar tensors keep their shape") {
    const HostTensor empty = HostTensor::copy_of<float>(DType::f32, {0, 4}, {});
    CHECK(to_torch(empty).sizes().vec() == std::vector<int64_t>{0, 4});
    CHECK(to_host(to_torch(empty)).numel() == 0);

    const HostTensor scalar = to_host(torch::tensor(7, torch::kInt64));
    CHECK(scalar.shape.empty());
    CHECK(scalar.numel() == 1);
    CHECK(to_torch(scalar).item<int64_t>() == 7);
}

TEST_CASE("codes become the levels of their grids") {
    const std::vector<uint8_t> codes{0, 1, 2, 3, 4, 5, 6, 7};
    const std::vector<float> scale{0.5F, 2.0F, 1.0F, -1.0F}, zero_point{0.0F, -2.0F, 1.0F, 0.5F};
    const auto weight = dequantized(HostTensor::copy_of<uint8_t>(DType::u8, {2, 4}, codes),
                                    HostTensor::copy_of<float>(DType::f32, {2, 2}, scale),
                                    HostTensor::copy_of<float>(DType::f32, {2, 2}, zero_point));
    CHECK(torch::equal(
        weight, torch::tensor({0.0F, 0.5F, 0.0F, 2.0F, 5.0F, 6.0F, -6.5F, -7.5F}).view({2, 4})));
}
