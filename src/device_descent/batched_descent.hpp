#pragma once

#include "torch_bridge/torch.hpp"

#include "quantization/descent.hpp"

namespace comq {

/** Whether batched_descend can do what the options and the grid ask for. */
bool can_batch(const Grid& grid, const DescentOptions& options);

/**
 * `descend` in LibTorch operations on all channels at once, for devices that are fast where one
 * operation has much to do. Each channel keeps its own order of visits. Coordinates are taken in
 * blocks: inside a block the residuals of its own coordinates are kept up to date, and one matrix
 * product with H brings all others up to date at its end. No number returns to the host before a
 * sweep is over.
 *
 * Computes in fp64. Codes differ from those of `descend`, whose first sweep rounds H and steps to
 * fp32, only where a target falls on the middle between two levels within that rounding.
 */
DescentResult batched_descend(const GroupProblem& problem, const Grid& grid, const Start& start,
                              const DescentOptions& options, torch::Device device);

/**
 * The descent for a device: `descend` on the CPU; elsewhere batched_descend where it can and the
 * problem is large enough to fill a device, `descend` for the rest.
 */
DescentFunction descent_on(torch::Device device);

}  // namespace comq
