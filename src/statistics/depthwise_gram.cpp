#include "statistics/depthwise_gram.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/check.hpp"
#include "core/simd.hpp"

namespace comq {

namespace {

// So many channels are computed at once, one a vector lane; their maps are interleaved.
constexpr int64_t lanes = 8;
using Sums = std::array<double, lanes>;

/** Adds Σ_i a[i·stride]·b[i·stride] of interleaved rows; `count` is the length of a row at most,
 *  so one fp32 sum loses nothing that matters. */
void add_row_product(const float* a, const float* b, int64_t stride, int64_t count, double* sums) {
    run_vectorized([=](auto) {
        Vector<float, lanes> total = {};
        for (int64_t i = 0; i < count; ++i) {
            const int64_t at = i * stride * lanes;
            total += vector_at<lanes>(a + at) * vector_at<lanes>(b + at);
        }
        for (int64_t lane = 0; lane < lanes; ++lane) sums[lane] += static_cast<double>(total[lane]);
    });
}

/** Up to `lanes` channels of one micro-batch. */
class ChannelBlock {
  public:
    ChannelBlock(const ConvGeometry& geometry, int64_t first, int64_t count)
        : geometry_(geometry),
          first_(first),
          count_(count),
          interleaved_(static_cast<std::size_t>(geometry.y.size * geometry.x.size * lanes)),
          entries_(
              static_cast<std::size_t>(geometry.positions() * (geometry.positions() + 1) / 2)) {}

    void load(const Maps& maps, int64_t image) {
        const int64_t pixels = geometry_.y.size * geometry_.x.size;
        for (int64_t lane = 0; lane < count_; ++lane) {
            const float* plane = maps.plane(geometry_, image, first_ + lane);
            for (int64_t i = 0; i < pixels; ++i) {
                interleaved_[static_cast<std::size_t>(i * lanes + lane)] = plane[i];
            }
        }
    }

    void add(const PositionPairs& y, const PositionPairs& x) {
        const std::size_t width = x.segments.size();
        by_segment_.assign(y.segments.size() * width, Sums{});
        for (std::size_t i = 0; i < y.segments.size(); ++i) {
            for (int64_t r = 0; r < y.segments[i].count; ++r) {
                const int64_t row = y.segments[i].first + r * geometry_.y.stride;
                for (std::size_t j = 0; j < width; ++j) {
                    const auto& run = x.segments[j];
                    add_row_product(at(row, run.first), at(row + y.shift, run.first + x.shift),
                                    geometry_.x.stride, run.count,
                                    by_segment_[i * width + j].data());
                }
            }
        }
        for (const auto& rows : y.pairs) {
            for (const auto& cols : x.pairs) {
                const int64_t a = rows.a * geometry_.x.kernel + cols.a;
                const int64_t b = rows.b * geometry_.x.kernel + cols.b;
                auto& entry = entries_[static_cast<std::size_t>(b * (b + 1) / 2 + a)];
                for (std::size_t i = rows.first; i < rows.last; ++i) {
                    for (std::size_t j = cols.first; j < cols.last; ++j) {
                        const auto& sums = by_segment_[i * width + j];
                        for (std::size_t lane = 0; lane < sums.size(); ++lane) {
                            entry[lane] += sums[lane];
                        }
                    }
                }
            }
        }
    }

    void add_to(GramAccumulator& sums) const {
        std::vector<float> triangles;
        for (int64_t lane = 0; lane < count_; ++lane) {
            for (const auto& entry : entries_) {
                triangles.push_back(static_cast<float>(entry[static_cast<std::size_t>(lane)]));
            }
        }
        sums.add_triangles(first_, count_, triangles.data());
    }

  private:
    const float* at(int64_t y, int64_t x) const {
        return interleaved_.data() + (y * geometry_.x.size + x) * lanes;
    }

    const ConvGeometry& geometry_;
    int64_t first_;
    int64_t count_;
    AlignedVector<float> interleaved_;  ///< [y.size, x.size, lanes]
    std::vector<Sums> entries_;         ///< of the packed triangles
    std::vector<Sums> by_segment_;
};

}  // namespace

void add_depthwise(const ConvGeometry& geometry, const Maps& maps, GramAccumulator& sums) {
    COMQ_CHECK(geometry.groups == geometry.channels && sums.groups() == geometry.groups);
    COMQ_CHECK(sums.in_features() == geometry.positions());
    const auto rows = position_pairs(geometry.y), cols = position_pairs(geometry.x);
    for (int64_t first = 0; first < geometry.channels; first += lanes) {
        ChannelBlock block(geometry, first, std::min(lanes, geometry.channels - first));
        for (int64_t image = 0; image < maps.batch; ++image) {
            block.load(maps, image);
            for (const auto& y : rows) {
                for (const auto& x : cols) {
                    if (in_lower_half(y, x)) block.add(y, x);
                }
            }
        }
        block.add_to(sums);
    }
}

}  // namespace comq
