#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>

#include "core/matrix.hpp"

namespace comq::bench {

/** What an algorithm on the rows X [N, m] themselves did with the first coordinates of a layer. */
struct ExplicitRun {
    torch::Tensor visits;     ///< [n, steps], the coordinates each channel visited, in order
    torch::Tensor quantized;  ///< [n, steps], the levels it chose for them
    double seconds = 0;       ///< of those steps, without norms, grid and order
};

/**
 * The sequence of operations of the authors' program (github.com/AozhongZhang/COMQ, quant.py,
 * greedy, one sweep) in LibTorch: a residual of N rows for every channel, the column of the next
 * coordinate gathered for each, nearest level by comparing with all. Only the first `steps` of the
 * m coordinates. `inputs` [N, m] and `weight` [n, m] are fp32.
 */
ExplicitRun authors_operations(const torch::Tensor& inputs, const torch::Tensor& weight, int bits,
                               int64_t steps);

/**
 * The same algorithm as frugally as rows allow: channels in parallel, one dot product and one
 * update of N numbers a coordinate. Returns the seconds of the first `steps` coordinates.
 */
double frugal_seconds(const torch::Tensor& inputs, const torch::Tensor& weight, int bits,
                      int64_t steps);

}  // namespace comq::bench
