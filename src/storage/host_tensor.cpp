#include "storage/host_tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <functional>
#include <numeric>

namespace comq {
namespace {

struct DTypeEntry {
    DType dtype;
    std::size_t size;
    std::string_view name;
};

/** Sizes and names in the order of the enumerators. */
constexpr std::array<DTypeEntry, 10> dtypes{{{DType::f64, 8, "F64"},
                                             {DType::f32, 4, "F32"},
                                             {DType::f16, 2, "F16"},
                                             {DType::bf16, 2, "BF16"},
                                             {DType::i64, 8, "I64"},
                                             {DType::i32, 4, "I32"},
                                             {DType::i16, 2, "I16"},
                                             {DType::i8, 1, "I8"},
                                             {DType::u8, 1, "U8"},
                                             {DType::boolean, 1, "BOOL"}}};

const DTypeEntry& entry_of(DType dtype) { return dtypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) { return entry_of(dtype).size; }

std::string_view name_of(DType dtype) { return entry_of(dtype).name; }

std::optional<DType> dtype_named(std::string_view name) {
    for (const DTypeEntry& entry : dtypes) {
        if (entry.name == name) return entry.dtype;
    }
    return std::nullopt;
}

std::optional<std::size_t> checked_nbytes(DType dtype, std::span<const int64_t> shape) {
    // Bounded by int64_t, so that numel() and every offset into the tensor fit too.
    int64_t nbytes = static_cast<int64_t>(size_of(dtype));
    for (const int64_t extent : shape) {
        if (extent < 0 || __builtin_mul_overflow(nbytes, extent, &nbytes)) return std::nullopt;
    }
    return static_cast<std::size_t>(nbytes);
}

int64_t HostTensor::numel() const {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

HostTensor HostTensor::over(DType dtype, std::vector<int64_t> shape,
                            std::shared_ptr<const std::byte> owner) {
    HostTensor tensor{dtype, std::move(shape), std::move(owner)};
    if (reinterpret_cast<std::uintptr_t>(tensor.data.get()) % size_of(dtype) == 0) return tensor;
    return copy_of(dtype, tensor.shape, tensor.bytes());
}

std::string format_shape(const std::vector<int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace comq
