#pragma once

#include <cstdint>

#include "core/matrix.hpp"
#include "quantization/grid.hpp"

namespace comq {

/**
 * Where descent begins. A start with codes is on the grid; without, it is the float weights
 * themselves: the residual is zero and the first sweep puts one coordinate after the other on the
 * grid, each seeing only the errors already made (as GPFQ does).
 */
struct Start {
    Matrix<uint8_t> bit_code;  ///< [n, m], or empty

    bool is_float() const { return bit_code.rows() == 0; }
};

/** The authors' start. */
Start float_start();

/** Every weight on its nearest level. */
Start rtn_start(MatrixView<const float> weight, const Grid& grid);

}  // namespace comq
