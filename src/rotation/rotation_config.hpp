#pragma once

#include <cstdint>

namespace comq {

/** Rotations of a transformer before calibration; all are off by default. */
struct RotationConfig {
    bool residual = false;  ///< the residual stream
    bool values = false;    ///< each head's values and the columns of the projection that read them
    bool query_key = false;  ///< each head's queries and keys
    int64_t seeds = 1;       ///< random rotations of which the best for held-out images is taken

    bool any() const { return residual || values || query_key; }
};

}  // namespace comq
