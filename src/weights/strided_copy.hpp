#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "storage/host_tensor.hpp"

namespace comq {

/** Whether elements of extents `size` and strides `stride` lie in row-major order without gaps. */
bool is_contiguous(std::span<const int64_t> size, std::span<const int64_t> stride);

/**
 * Gathers a strided view into a new contiguous tensor. `first` is the view's first element;
 * strides count elements. The caller has checked that the view lies in memory.
 */
HostTensor gather(DType dtype, std::span<const int64_t> size, std::span<const int64_t> stride,
                  const std::byte* first);

/** The tensor with its dimensions in the order `axes`, as numpy.transpose does. */
HostTensor permute(const HostTensor& tensor, std::span<const int64_t> axes);

}  // namespace comq
