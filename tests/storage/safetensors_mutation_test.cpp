#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/mutate.hpp"

using namespace comq;

TEST_CASE("a damaged safetensors file gives errors and nothing worse") {
    const std::vector<float> values(64, 1.f);
    TensorMap tensors;
    tensors["blocks.0.weight"] = HostTensor::copy_of<float>(DType::f32, {8, 8}, values);
    tensors["blocks.0.bias"] =
        HostTensor::copy_of<float>(DType::f32, {8}, std::span(values).first(8));
    tensors["codes"] = HostTensor::copy_of<uint8_t>(DType::u8, {3}, std::vector<uint8_t>{1, 2, 3});
    const auto path = test::temporary_folder() / "w.safetensors";
    write_safetensors(path, tensors, {{"format", "pt"}});
    const FileBytes file = map_file(path);

    test::expect_only_errors(file.bytes(), file.size, 3000, [](std::span<const std::byte> bytes) {
        uint64_t sum = 0;
        for (const auto& [name, tensor] : parse_safetensors(copy_bytes("w", bytes)).tensors) {
            for (const std::byte byte : tensor.bytes()) sum += static_cast<uint64_t>(byte);
        }
        CHECK(sum <= 255 * bytes.size());
    });
}
