#include "calibration/conv_gram.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "networks/padding.hpp"
#include "statistics/depthwise_gram.hpp"
#include "statistics/symmetric_product.hpp"

namespace comq {

namespace {

// Operands of a product are gathered in so many floats at most, to stay in the second-level cache.
constexpr int64_t gathered_floats = 64 << 10;

// Maps are copied in so many floats at most, for products of all their shifts.
constexpr int64_t shifted_floats = 1 << 20;

// Some LibTorch adds up the rows of a small batched product one by one, which rounds more: 2e-7 in
// 189 rows of six channels.
constexpr int64_t rows_per_batched_product = 64;

// Rows of the triangle computed by one matrix product of another device.
constexpr int64_t device_band_rows = 384;

/** Columns of a gathered operand of `rows` rows. */
int64_t columns_at_once(int64_t rows, int64_t groups) {
    if (groups > 1) return rows_per_batched_product;
    return std::clamp<int64_t>(gathered_floats / rows, 256, rows_per_product);
}

/**
 * Calls `visit(runs, columns)` with consecutive runs of at most `limit` columns together; a longer
 * run is a call of its own.
 */
template <typename Visit>
void in_portions(std::span<const OutputRun> runs, int64_t limit, const Visit& visit) {
    for (std::size_t first = 0; first < runs.size();) {
        int64_t columns = runs[first].count;
        std::size_t last = first + 1;
        while (last < runs.size() && columns + runs[last].count <= limit) {
            columns += runs[last++].count;
        }
        visit(runs.subspan(first, last - first), columns);
        first = last;
    }
}

/** Sums of x(q + shift)·x(q)ᵀ, `[groups, c, c]` for c channels a group, of one micro-batch. */
class ShiftedProducts {
  public:
    ShiftedProducts(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums)
        : geometry_(geometry),
          maps_(maps),
          sums_(sums),
          rows_(with_sums(position_pairs(geometry.y))),
          product_(torch::empty({geometry.groups, channels(), channels()})) {}

    /** All blocks of kernel positions whose columns are paired by `cols`. */
    void add(const PositionPairs& cols) {
        const std::size_t width = cols.segments.size();
        for (std::size_t j = 0; j < width; ++j) {
            const IndexRun& run = cols.segments[j];
            const auto right = gathered(run);
            const auto left =
                cols.shift == 0 ? right : gathered({run.first + cols.shift, run.count});
            for (auto& [pairs, by_segment] : rows_) {
                if (!in_lower_half(pairs, cols)) continue;
                by_segment.resize(pairs.segments.size() * width);
                for (std::size_t i = 0; i < pairs.segments.size(); ++i) {
                    by_segment[i * width + j] =
                        sum_of_products(left, right, pairs.segments[i], pairs.shift, run.count);
                }
            }
        }
        for (const auto& [pairs, by_segment] : rows_) {
            if (!in_lower_half(pairs, cols)) continue;
            for (const auto& row : pairs.pairs) {
                for (const auto& col : cols.pairs) add_block(row, col, by_segment, width);
            }
        }
    }

  private:
    using Sum = std::vector<double>;
    struct RowPairs {
        PositionPairs pairs;
        std::vector<Sum> by_segment;
    };

    static std::vector<RowPairs> with_sums(std::vector<PositionPairs> all) {
        std::vector<RowPairs> rows;
        for (auto& pairs : all) rows.push_back({std::move(pairs), {}});
        return rows;
    }

    int64_t channels() const { return geometry_.channels_per_group(); }

    /** `[groups, c, rows · batch · count]`. */
    torch::Tensor gathered(const IndexRun& columns) const {
        const int64_t length = geometry_.y.size * maps_.batch * columns.count;
        auto values = torch::empty({geometry_.groups, channels(), length});
        gather_columns(geometry_, maps_, columns, values.data_ptr<float>());
        return values;
    }

    Sum sum_of_products(const torch::Tensor& left, const torch::Tensor& right, const IndexRun& run,
                        int64_t shift, int64_t columns) {
        const int64_t row_length = maps_.batch * columns;
        const int64_t at_right = row_position(geometry_.y, run.first) * row_length;
        const int64_t at_left = row_position(geometry_.y, run.first + shift) * row_length;
        const int64_t length = run.count * row_length;
        Sum sum(static_cast<std::size_t>(product_.numel()));
        for (int64_t start = 0; start < length; start += rows_per_product) {
            const int64_t count = std::min(rows_per_product, length - start);
            torch::bmm_out(product_, left.narrow(2, at_left + start, count),
                           right.narrow(2, at_right + start, count).transpose(1, 2));
            const float* values = product_.data_ptr<float>();
            for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += values[k];
        }
        return sum;
    }

    void add_block(const PositionPairs::Pair& row, const PositionPairs::Pair& col,
                   const std::vector<Sum>& by_segment, std::size_t width) {
        float* block = product_.data_ptr<float>();
        Sum total(static_cast<std::size_t>(product_.numel()));
        for (std::size_t i = row.first; i < row.last; ++i) {
            for (std::size_t j = col.first; j < col.last; ++j) {
                const Sum& part = by_segment[i * width + j];
                for (std::size_t k = 0; k < total.size(); ++k) total[k] += part[k];
            }
        }
        std::ranges::transform(total, block, [](double sum) { return static_cast<float>(sum); });
        const int64_t first = row.a * geometry_.x.kernel + col.a;
        const int64_t second = row.b * geometry_.x.kernel + col.b;
        sums_.add_blocks(second * channels(), first * channels(), channels(), channels(), block);
    }

    const ConvGeometry& geometry_;
    const Maps& maps_;
    GramAccumulator& sums_;
    std::vector<RowPairs> rows_;
    torch::Tensor product_;
};

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

void add_product(const torch::Tensor& transposed_rows, GramAccumulator& sums) {
    const int64_t m = transposed_rows.size(1);
    if (transposed_rows.size(0) > 1) {
        const auto grams =
            torch::bmm(transposed_rows, transposed_rows.transpose(1, 2)).to(torch::kCPU);
        sums.add_blocks(0, 0, m, m, grams.contiguous().data_ptr<float>());
        return;
    }
    if (transposed_rows.is_cpu()) {
        const InputRows rows{transposed_rows.data_ptr<float>(), transposed_rows.size(2), m,
                             transposed_rows.stride(2), transposed_rows.stride(1)};
        symmetric_product(
            rows, [&](int64_t first, MatrixView<const float> band) { sums.add_rows(first, band); });
        return;
    }
    const auto columns = transposed_rows[0];
    for (int64_t first = 0; first < m; first += device_band_rows) {
        const int64_t last = std::min(first + device_band_rows, m);
        const auto band =
            torch::mm(columns.narrow(0, first, last - first), columns.narrow(0, 0, last).t())
                .to(torch::kCPU)
                .contiguous();
        sums.add_rows(first, {band.data_ptr<float>(), last - first, last});
    }
}

void add_rows_in_portions(const torch::Tensor& rows, GramAccumulator& sums) {
    for (int64_t start = 0; start < rows.size(1); start += rows_per_product) {
        const int64_t count = std::min(rows_per_product, rows.size(1) - start);
        add_product(rows.narrow(1, start, count).transpose(1, 2), sums);
    }
}

void add_gathered_patches(const ConvGeometry& geometry, const Maps& maps,
                          std::span<const OutputRun> runs, GramAccumulator& sums) {
    const int64_t rows = geometry.channels * geometry.positions();
    const int64_t limit = std::max(columns_at_once(rows, geometry.groups), geometry.x.outputs);
    const auto patches = torch::empty({rows * limit});
    in_portions(runs, limit, [&](std::span<const OutputRun> part, int64_t columns) {
        gather_patches(geometry, maps, part, patches.data_ptr<float>());
        add_product(patches.narrow(0, 0, rows * columns)
                        .view({geometry.groups, rows / geometry.groups, columns}),
                    sums);
    });
}

void add_shifted_products(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums) {
    const int64_t floats_per_image = geometry.channels * geometry.y.size * geometry.x.size;
    const int64_t at_once = std::max<int64_t>(shifted_floats / floats_per_image, 1);
    const auto cols = position_pairs(geometry.x);
    for (int64_t first = 0; first < maps.batch; first += at_once) {
        const Maps part{maps.plane(geometry, first, 0), std::min(at_once, maps.batch - first)};
        ShiftedProducts products(geometry, part, sums);
        for (const auto& pairs : cols) products.add(pairs);
    }
}

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

PackedTriangle channels_outermost(PackedTriangle triangle, int64_t positions) {
    const int64_t channels = triangle.order() / positions;
    if (positions == 1 || channels == 1) return triangle;
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
