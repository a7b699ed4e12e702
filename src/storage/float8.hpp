#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq {

/**
 * Floating-point numbers of 8 bits (arXiv 2209.05433): a sign, an exponent and a mantissa. They are
 * only ever read, and are float32 from then on, which holds each of them exactly.
 */
enum class Float8 {
    e4m3fn,  ///< 4 bits of exponent, 3 of mantissa; no infinity, and NaN in two codes only
    e5m2,    ///< as the upper half of a float16
};

/** Of the spelling of safetensors ("F8_E4M3") or PyTorch ("float8_e4m3fn"). */
std::optional<Float8> float8_named(std::string_view name);

/** The numbers as a float32 tensor of `shape`, which has as many elements as there are codes. */
HostTensor widened(Float8 format, std::vector<int64_t> shape, std::span<const std::byte> codes);

}  // namespace comq
