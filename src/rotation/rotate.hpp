#pragma once

#include <cstdint>

#include "networks/network.hpp"
#include "rotation/rotation_config.hpp"

namespace comq {

/** One of `rotation.seeds`. */
struct RotationTrial {
    uint64_t seed;
    double share;  ///< of the equalization

    RotationTrial(uint64_t seed_, double share_ = 1.0) : seed(seed_), share(share_) {}
};

/**
 * Rotates what `config` says in a ViT or Swin transformer of timm's structure and names (class
 * token, position embedding, blocks of norm1, attn.{qkv, proj}, norm2, mlp.{fc1, fc2}, norm, head;
 * layers, downsample.{norm, reduction}), a family's or a program's, by random rotations that the
 * seed draws. The network computes the same function, up to rounding, with tensors of the same
 * names and shapes:
 *
 * - residual stream, R·1 = 1: what is added to it (patch, position and class embedding, proj, fc2)
 *   is multiplied by R, and what reads it behind a norm (qkv, fc1, head) by Rᵀ, once the norm's
 *   scale and shift have moved into the reader. Swin transformers have an R for each stage: a
 *   reduction reads four rotated tokens and writes the next stream. The first stage begins with a
 *   norm whose scale no layer could take, and stays as it is;
 * - values: of each head, W_v by an orthogonal matrix and the columns of proj by its transpose;
 * - queries and keys: of each head, both by the same orthogonal matrix.
 *
 * A network of layers with ReLU between them is equalized (equalize.hpp) where `config` says so.
 *
 * `image_size` is that of an image of noise on which the function is compared. Throws UsageError
 * when the network has another structure, naming what is missing or that its function changed.
 */
void rotate(Network& network, const RotationConfig& config, const RotationTrial& trial,
            int64_t image_size);

}  // namespace comq
