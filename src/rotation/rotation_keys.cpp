#include "rotation/rotation_keys.hpp"

namespace comq {

Schema<RotationConfig, RunKey> rotation_keys() {
    using enum Effect;
    Schema<RotationConfig, RunKey> keys;
    keys.add({.key = "residual",
              .affects = statistics | solution,
              .meaning = "Whether the residual stream of a ViT, or of each stage of a Swin "
                         "transformer but the first, is rotated before calibration, so that "
                         "weights and inputs lose their outliers. The network computes the same "
                         "function under the same names; norms hand their scales to the layers "
                         "behind them."},
             &RotationConfig::residual, boolean());
    keys.add({.key = "values",
              .affects = statistics | solution,
              .meaning = "Whether each head's values are rotated, and back by the projection."},
             &RotationConfig::values, boolean());
    keys.add({.key = "query_key",
              .affects = statistics | solution,
              .meaning = "Whether each head's queries and keys are rotated, both alike."},
             &RotationConfig::query_key, boolean());
    keys.add({.key = "equalization",
              .affects = statistics | solution,
              .meaning = "Whether channels between layers of a CNN that have nothing but ReLU or "
                         "pooling between them are scaled, so that the weights on both sides have "
                         "the same range (cross-layer equalization). The network computes the same "
                         "function under the same names."},
             &RotationConfig::equalization, boolean());
    keys.add({.key = "seeds",
              .affects = statistics | solution,
              .meaning = "Random rotations, or shares of the equalization from 0 to 1, that are "
                         "tried; the network is quantized after each, and the one that keeps the "
                         "predictions on held-out images closest to the full-precision ones is "
                         "taken. 1: all of the equalization."},
             &RotationConfig::seeds, integer<int64_t>(1, 1000));
    return keys;
}

}  // namespace comq
