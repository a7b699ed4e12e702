#include "calibration/conv_gram.hpp"

#include <algorithm>
#include <vector>

namespace comq {

namespace {

// Operands of a product are gathered in so many floats at most, to stay in the second-level cache.
constexpr int64_t gathered_floats = 64 << 10;

/** Rows of the triangle computed by one matrix product: narrow bands waste little above it. */
int64_t band_height(int64_t in_features) {
    return std::clamp<int64_t>((in_features / 6 + 31) / 32 * 32, 64, 384);
}

/** Columns of a gathered operand of `rows` rows. */
int64_t columns_at_once(int64_t rows) {
    return std::clamp<int64_t>(gathered_floats / rows, 256, rows_per_product);
}

/**
 * Calls `visit(runs, columns)` with consecutive runs of at most `limit` columns together; a longer
 * run is a call of its own.
 */
template <typename Run, typename Visit>
void in_portions(std::span<const Run> runs, int64_t limit, const Visit& visit) {
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

/** Sums of x(q + shift)·x(q)ᵀ, `[groups, c, c]` for c channels a group, over one shift. */
class ShiftedProducts {
  public:
    ShiftedProducts(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums)
        : geometry_(geometry),
          maps_(maps),
          sums_(sums),
          columns_(std::max(columns_at_once(geometry.channels), geometry.x.outputs)),
          left_(torch::empty({geometry.channels * columns_})),
          right_(torch::empty({geometry.channels * columns_})),
          block_(torch::empty({geometry.groups * square()})) {}

    void add(const PositionPairs& y, const PositionPairs& x) {
        const std::size_t width = x.segments.size();
        by_segment_.assign(y.segments.size() * width, {});
        for (std::size_t i = 0; i < y.segments.size(); ++i) {
            for (std::size_t j = 0; j < width; ++j) {
                by_segment_[i * width + j] =
                    product(y.segments[i], x.segments[j], y.shift, x.shift);
            }
        }
        for (const auto& rows : y.pairs) {
            for (const auto& cols : x.pairs) add_block(rows, cols, width);
        }
    }

  private:
    int64_t channels() const { return geometry_.channels_per_group(); }
    int64_t square() const { return channels() * channels(); }

    std::vector<double> product(const IndexRun& rows, const IndexRun& cols, int64_t shift_y,
                                int64_t shift_x) {
        std::vector<MapRun> runs;
        for (int64_t image = 0; image < maps_.batch; ++image) {
            for (int64_t i = 0; i < rows.count; ++i) {
                const int64_t y = rows.first + i * geometry_.y.stride;
                runs.push_back({image, y, cols.first, cols.count});
            }
        }
        std::vector<double> total(static_cast<std::size_t>(geometry_.groups * square()));
        in_portions<MapRun>(runs, columns_, [&](std::span<const MapRun> part, int64_t columns) {
            gather_values(geometry_, maps_, part, 0, 0, right_.data_ptr<float>());
            auto shifted = right_;
            if (shift_y != 0 || shift_x != 0) {
                gather_values(geometry_, maps_, part, shift_y, shift_x, left_.data_ptr<float>());
                shifted = left_;
            }
            const auto as_groups = [&](const torch::Tensor& values) {
                return values.narrow(0, 0, geometry_.channels * columns)
                    .view({geometry_.groups, channels(), columns});
            };
            auto out = block_.view({geometry_.groups, channels(), channels()});
            torch::bmm_out(out, as_groups(shifted), as_groups(right_).transpose(1, 2));
            const float* values = block_.data_ptr<float>();
            for (std::size_t k = 0; k < total.size(); ++k) total[k] += values[k];
        });
        return total;
    }

    void add_block(const PositionPairs::Pair& rows, const PositionPairs::Pair& cols,
                   std::size_t width) {
        float* block = block_.data_ptr<float>();
        const auto count = static_cast<std::size_t>(block_.numel());
        std::vector<const double*> parts;
        for (std::size_t i = rows.first; i < rows.last; ++i) {
            for (std::size_t j = cols.first; j < cols.last; ++j) {
                parts.push_back(by_segment_[i * width + j].data());
            }
        }
        for (std::size_t k = 0; k < count; ++k) {
            double sum = 0.0;
            for (const double* part : parts) sum += part[k];
            block[k] = static_cast<float>(sum);
        }
        const int64_t first = rows.a * geometry_.x.kernel + cols.a;
        const int64_t second = rows.b * geometry_.x.kernel + cols.b;
        sums_.add_blocks(second * channels(), first * channels(), channels(), channels(), block);
    }

    const ConvGeometry& geometry_;
    const Maps& maps_;
    GramAccumulator& sums_;
    int64_t columns_;
    torch::Tensor left_;
    torch::Tensor right_;
    torch::Tensor block_;
    std::vector<std::vector<double>> by_segment_;
};

}  // namespace

void add_product(const torch::Tensor& transposed_rows, GramAccumulator& sums) {
    const int64_t m = transposed_rows.size(1);
    if (transposed_rows.size(0) > 1) {
        const auto grams =
            torch::bmm(transposed_rows, transposed_rows.transpose(1, 2)).to(torch::kCPU);
        sums.add_blocks(0, 0, m, m, grams.contiguous().data_ptr<float>());
        return;
    }
    const auto columns = transposed_rows[0];
    const int64_t height = band_height(m);
    for (int64_t first = 0; first < m; first += height) {
        const int64_t last = std::min(first + height, m);
        const auto band =
            torch::mm(columns.narrow(0, first, last - first), columns.narrow(0, 0, last).t())
                .to(torch::kCPU)
                .contiguous();
        sums.add_rows(first, {band.data_ptr<float>(), last - first, last});
    }
}

void add_gathered_patches(const ConvGeometry& geometry, const Maps& maps,
                          std::span<const OutputRun> runs, GramAccumulator& sums) {
    const int64_t rows = geometry.channels * geometry.positions();
    const int64_t limit = std::max(columns_at_once(rows), geometry.x.outputs);
    const auto patches = torch::empty({rows * limit});
    in_portions<OutputRun>(runs, limit, [&](std::span<const OutputRun> part, int64_t columns) {
        gather_patches(geometry, maps, part, patches.data_ptr<float>());
        add_product(patches.narrow(0, 0, rows * columns)
                        .view({geometry.groups, rows / geometry.groups, columns}),
                    sums);
    });
}

void add_shifted_products(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums) {
    const auto rows = position_pairs(geometry.y), cols = position_pairs(geometry.x);
    ShiftedProducts products(geometry, maps, sums);
    for (const auto& y : rows) {
        for (const auto& x : cols) {
            if (in_lower_half(y, x)) products.add(y, x);
        }
    }
}

}  // namespace comq
