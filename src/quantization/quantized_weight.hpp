#pragma once

#include <cstdint>
#include <span>

#include "core/matrix.hpp"

namespace comq {

/**
 * A quantized weight as it is stored: W = scale·(bit_code + zero_point), any scalar inside scale.
 * Input coordinate i of m belongs to scale group i·scale_groups/m; per channel there is one.
 */
struct QuantizedWeight {
    Matrix<uint8_t> bit_code;  ///< [out, m], each < 2^bits
    Matrix<float> scale;       ///< [out, scale_groups]
    Matrix<float> zero_point;  ///< [out, scale_groups]

    int64_t out_features() const { return bit_code.rows(); }
    int64_t in_features() const { return bit_code.cols(); }
    int64_t scale_groups() const { return scale.cols(); }
};

/** W as floats, [out, m]. */
Matrix<float> dequantize(const QuantizedWeight& weight);

/** Stacks groups of one layer by output channel; all have the same m and scale groups. */
QuantizedWeight concatenate_channels(std::span<const QuantizedWeight> groups);

/** Largest number of distinct codes that one output channel uses. */
int levels_used(const QuantizedWeight& weight);

}  // namespace comq
