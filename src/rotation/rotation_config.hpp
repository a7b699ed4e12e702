#pragma once

#include <cstdint>

namespace comq {

/** Rotations of a transformer, and equalization of a CNN, before calibration; all are off by
 * default. */
struct RotationConfig {
    bool residual = false;  ///< the residual stream
    bool values = false;    ///< each head's values and the columns of the projection that read them
    bool query_key = false;     ///< each head's queries and keys
    bool equalization = false;  ///< scales between layers with ReLU or pooling between them
    int64_t seeds = 1;          ///< trials of which the best for held-out images is taken

    bool rotates() const { return residual || values || query_key; }
    bool any() const { return rotates() || equalization; }
};

}  // namespace comq
