#include "calibration/patch_gram.hpp"

#include <algorithm>
#include <vector>

#include "calibration/conv_gram.hpp"
#include "networks/padding.hpp"
#include "statistics/depthwise_gram.hpp"

namespace comq {

namespace {

// With fewer channels a group, products of shifted maps are too small to be fast.
constexpr int64_t least_shifted_channels = 16;

ConvAxis axis_of(const Conv2dOptions& options, int64_t HeightWidth::*axis, int64_t size,
                 const AxisPadding& padding) {
    const int64_t kernel = options.kernel.*axis, stride = options.stride.*axis;
    const int64_t dilation = options.dilation.*axis;
    const int64_t extent = dilation * (kernel - 1) + 1;
    return {.size = size,
            .kernel = kernel,
            .stride = stride,
            .dilation = dilation,
            .padding = padding.before,
            .outputs = (size + padding.before + padding.after - extent) / stride + 1};
}

/** Whether each output along it reads the input at its own place, and nothing else. */
bool is_pointwise(const ConvAxis& axis) {
    return axis.kernel == 1 && axis.stride == 1 && axis.outputs == axis.size;
}

/** The maps themselves are the transposed rows of a pointwise convolution. */
void add_pointwise(const torch::Tensor& maps, GramAccumulator& sums) {
    const auto images = maps.flatten(2);  // [B, m, N]
    const int64_t pixels = images.size(2);
    const int64_t images_at_once = std::max<int64_t>(rows_per_product / pixels, 1);
    for (int64_t first = 0; first < images.size(0); first += images_at_once) {
        const int64_t count = std::min(images_at_once, images.size(0) - first);
        if (count > 1) {
            const auto side_by_side = images.narrow(0, first, count).permute({1, 0, 2});
            add_product(side_by_side.reshape({1, images.size(1), -1}), sums);
            continue;
        }
        for (int64_t start = 0; start < pixels; start += rows_per_product) {
            const int64_t width = std::min(rows_per_product, pixels - start);
            add_product(images.narrow(0, first, 1).narrow(2, start, width), sums);
        }
    }
}

std::vector<OutputRun> every_output(const ConvGeometry& geometry, int64_t batch) {
    std::vector<OutputRun> runs;
    for (int64_t image = 0; image < batch; ++image) {
        for (int64_t y = 0; y < geometry.y.outputs; ++y) {
            runs.push_back({image, y, 0, geometry.x.outputs});
        }
    }
    return runs;
}

}  // namespace

ConvGeometry geometry_of(const Conv2dOptions& convolution, const torch::Tensor& maps) {
    const int64_t height = maps.size(2), width = maps.size(3);
    const Padding padding = padding_of(convolution, {height, width});
    return {maps.size(1), convolution.groups,
            axis_of(convolution, &HeightWidth::height, height, padding.height),
            axis_of(convolution, &HeightWidth::width, width, padding.width)};
}

void add_all_patches(const ConvGeometry& geometry, const torch::Tensor& maps,
                     GramAccumulator& sums) {
    const Maps values{maps.data_ptr<float>(), maps.size(0)};
    if (geometry.groups == 1 && is_pointwise(geometry.y) && is_pointwise(geometry.x)) {
        add_pointwise(maps, sums);
    } else if (geometry.channels_per_group() == 1) {
        add_depthwise(geometry, values, sums);
    } else if (geometry.positions() > 1 &&
               geometry.channels_per_group() >= least_shifted_channels) {
        add_shifted_products(geometry, values, sums);
    } else {
        add_gathered_patches(geometry, values, every_output(geometry, values.batch), sums);
    }
}

PackedTriangle channels_outermost(const PackedTriangle& triangle, int64_t positions) {
    const int64_t channels = triangle.order() / positions;
    const auto source = [&](int64_t i) { return i % positions * channels + i / positions; };
    PackedTriangle ordered(triangle.order());
    for (int64_t i = 0; i < triangle.order(); ++i) {
        for (int64_t j = 0; j <= i; ++j) {
            const auto [low, high] = std::minmax({source(i), source(j)});
            ordered.row(i)[j] = triangle.row(high)[low];
        }
    }
    return ordered;
}

}  // namespace comq
