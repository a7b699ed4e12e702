#pragma once

#include "torch_bridge/torch.hpp"

#include "storage/host_tensor.hpp"

namespace comq {

/**
 * The same numbers as a CPU tensor of the same dtype and shape. Nothing is copied: the tensor
 * shares (and keeps alive) the bytes of `tensor`, which may lie in a read-only mapping, so it is
 * for reading only; clone() it to change it.
 */
torch::Tensor to_torch(const HostTensor& tensor);

/**
 * The numbers of `tensor` in host memory. A contiguous CPU tensor is shared, not copied: later
 * writes to it show in the result. Anything else is copied first.
 * Throws InputError for a dtype that HostTensor has no name for (complex, quantized).
 */
HostTensor to_host(const torch::Tensor& tensor);

/**
 * δ·(q + z) as float32 `[out, m]`, of codes `[out, m]` with scales and zero points `[out, groups]`,
 * each for m / groups columns that follow each other.
 */
torch::Tensor dequantized(const HostTensor& codes, const HostTensor& scale,
                          const HostTensor& zero_point);

/** `to_torch` as float32, the precision that networks compute in; f32 input is shared. */
torch::Tensor to_float(const HostTensor& tensor);

}  // namespace comq
