#include "weights/strided_copy.hpp"

#include <cstring>

#include "core/check.hpp"

namespace comq {
namespace {

template <std::size_t width>
void copy_run(std::byte* out, const std::byte* in, int64_t count, int64_t stride) {
    for (int64_t i = 0; i < count; ++i) {
        std::memcpy(out + static_cast<std::size_t>(i) * width,
                    in + i * stride * static_cast<int64_t>(width), width);
    }
}

using CopyRun = void (*)(std::byte*, const std::byte*, int64_t, int64_t);

CopyRun copy_run_of(std::size_t width) {
    switch (width) {
        case 1:
            return copy_run<1>;
        case 2:
            return copy_run<2>;
        case 4:
            return copy_run<4>;
        default:
            return copy_run<8>;
    }
}

}  // namespace

bool is_contiguous(std::span<const int64_t> size, std::span<const int64_t> stride) {
    int64_t expected = 1;
    for (std::size_t d = size.size(); d-- > 0;) {
        if (size[d] != 1 && stride[d] != expected) return false;
        expected *= size[d];
    }
    return true;
}

HostTensor gather(DType dtype, std::span<const int64_t> size, std::span<const int64_t> stride,
                  const std::byte* first) {
    COMQ_CHECK(size.size() == stride.size());
    HostTensor tensor{dtype, {size.begin(), size.end()}, nullptr};
    const std::size_t nbytes = tensor.nbytes();
    std::shared_ptr<std::byte[]> buffer(new std::byte[nbytes]);
    tensor.data = {buffer, buffer.get()};
    if (nbytes == 0) return tensor;

    const std::size_t width = size_of(dtype);
    const CopyRun copy = copy_run_of(width);
    const std::size_t last = size.empty() ? 0 : size.size() - 1;
    const int64_t run = size.empty() ? 1 : size[last];
    const int64_t run_stride = size.empty() ? 1 : stride[last];
    std::vector<int64_t> index(last, 0);
    std::byte* out = buffer.get();
    for (const std::byte* const end = out + nbytes; out != end;
         out += static_cast<std::size_t>(run) * width) {
        int64_t element = 0;
        for (std::size_t d = 0; d < last; ++d) element += index[d] * stride[d];
        copy(out, first + element * static_cast<int64_t>(width), run, run_stride);
        for (std::size_t d = last; d-- > 0 && ++index[d] == size[d];) index[d] = 0;
    }
    return tensor;
}

HostTensor permute(const HostTensor& tensor, std::span<const int64_t> axes) {
    const std::size_t dimensions = tensor.shape.size();
    COMQ_CHECK(axes.size() == dimensions);
    std::vector<int64_t> strides(dimensions, 1);
    for (std::size_t d = dimensions; d-- > 1;) strides[d - 1] = strides[d] * tensor.shape[d];
    std::vector<int64_t> size(dimensions);
    std::vector<int64_t> stride(dimensions);
    for (std::size_t d = 0; d < dimensions; ++d) {
        const auto axis = static_cast<std::size_t>(axes[d]);
        size[d] = tensor.shape[axis];
        stride[d] = strides[axis];
    }
    return gather(tensor.dtype, size, stride, tensor.data.get());
}

}  // namespace comq
