#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.hpp"

namespace comq {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t size_of(DType dtype);
/** The safetensors spelling: "F32", "BF16", "I64", "BOOL", … */
std::string_view name_of(DType dtype);
/** The inverse of `name_of`. */
std::optional<DType> dtype_named(std::string_view name);
/** Bytes of a contiguous tensor; nothing when an extent is negative or the product overflows. */
std::optional<std::size_t> checked_nbytes(DType dtype, std::span<const int64_t> shape);

/**
 * A contiguous row-major tensor in host memory. The bytes are shared and immutable: they live in
 * a memory-mapped file or in a buffer of their own.
 */
struct HostTensor {
    DType dtype = DType::f32;
    std::vector<int64_t> shape;
    std::shared_ptr<const std::byte> data;

    int64_t numel() const;
    std::size_t nbytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype); }
    std::span<const std::byte> bytes() const { return {data.get(), nbytes()}; }

    /** View as `T`, which has the size of the dtype; what that means is not checked. */
    template <typename T>
    std::span<const T> as() const {
        COMQ_CHECK(sizeof(T) == size_of(dtype));
        return {reinterpret_cast<const T*>(data.get()), nbytes() / sizeof(T)};
    }

    /**
     * A tensor over bytes that `owner` keeps alive. Copies them when they aren't aligned for
     * `dtype`, as happens in files.
     */
    static HostTensor over(DType dtype, std::vector<int64_t> shape,
                           std::shared_ptr<const std::byte> owner);
    /** A tensor that owns a copy of `values`, as many bytes as it has. */
    template <typename T>
    static HostTensor copy_of(DType dtype, std::vector<int64_t> shape, std::span<const T> values);
};

using TensorMap = std::map<std::string, HostTensor>;

/** "[3, 224, 224]". */
std::string format_shape(const std::vector<int64_t>& shape);

template <typename T>
HostTensor HostTensor::copy_of(DType dtype, std::vector<int64_t> shape, std::span<const T> values) {
    const auto bytes = std::as_bytes(values);
    std::shared_ptr<std::byte[]> buffer(new std::byte[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), buffer.get());
    HostTensor tensor{dtype, std::move(shape), {buffer, buffer.get()}};
    COMQ_CHECK(tensor.nbytes() == bytes.size());
    return tensor;
}

}  // namespace comq
