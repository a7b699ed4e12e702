#include "quantization/channel_state.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "core/simd.hpp"

namespace comq {
namespace {

constexpr int64_t small_block = first_sweep_block(1);
constexpr int64_t large_block = first_sweep_block(1 << 20);

/** Coordinates of the present block of every channel and how far they moved. */
struct BlockMoves {
    int64_t stride;
    std::vector<int32_t> row;
    std::vector<float> factor;

    BlockMoves(int64_t channels, int64_t block)
        : stride(block),
          row(static_cast<std::size_t>(channels * block), 0),
          factor(static_cast<std::size_t>(channels * block), 0.0F) {}

    void set(int64_t channel, int64_t s, int32_t coordinate, float move) {
        row[channel * stride + s] = coordinate;
        factor[channel * stride + s] = move;
    }
};

/**
 * What a block of every channel needs of the Gram and of the residuals. These lie all over memory.
 * Where the Gram is larger than the caches, they are fetched ahead, in the pass that brings the
 * residuals up to date: each from its panel while that is cached.
 */
class FetchedBlock {
  public:
    FetchedBlock(const SweepMatrix& matrix, std::span<const ChannelState> channels, int64_t size)
        : panels_(matrix.panels),
          channels_(channels),
          size_(size),
          ahead_(size == large_block),
          shared_(matrix.shared_order),
          gram_(size * (shared_ ? 1 : std::ssize(channels)), size),
          residual_(std::ssize(channels), size) {
        if (!ahead_) return;
        coordinates_.resize(channels.size() * static_cast<std::size_t>(size));
        end_of_panel_.resize(static_cast<std::size_t>(panels_.panels()));
    }

    /** The block from place `first` of the orders on. */
    void begin(int64_t first, int64_t count) {
        first_ = first;
        count_ = count;
        if (ahead_) sort_by_panel();
    }

    /** While the residuals become what the block needs: called for each of their panels. */
    void fetch_ahead(const PanelVectors& residuals, int64_t p) {
        if (!ahead_) return;
        for (int32_t i = p == 0 ? 0 : end_of_panel_[p - 1]; i < end_of_panel_[p]; ++i) {
            fetch(residuals, coordinates_[i].channel, coordinates_[i].k);
        }
    }

    /** Once they are: what is not there yet. */
    void finish(const PanelVectors& residuals) {
        if (ahead_) return;
        for (int64_t c = 0; c < std::ssize(channels_); ++c) {
            for (int64_t k = 0; k < count_; ++k) fetch(residuals, c, k);
        }
    }

    /** H_st of a channel's block, [size, size]; 0 unless s < t. */
    const float* gram(int64_t c) const { return gram_.row(shared_ ? 0 : c * size_); }
    const double* residual(int64_t c) const { return residual_.row(c); }

  private:
    struct Coordinate {
        int32_t channel;
        int32_t k;  ///< its place in the block
    };

    const int32_t* order_of(int64_t c) const { return channels_[c].order.data() + first_; }

    /** What place k of the block needs: a column of H_st, or a row, which is the same numbers. */
    void fetch(const PanelVectors& residuals, int64_t c, int64_t k) {
        const int32_t* order = order_of(c);
        residual_(c, k) = residuals.at(c, order[k]);
        const float* column = panels_.column(order[k]);
        if (!shared_) {
            float* row = gram_.row(c * size_ + k);
            for (int64_t t = k + 1; t < count_; ++t) row[t] = column[order[t] * GramPanels::width];
        } else if (c == 0) {
            for (int64_t s = 0; s < k; ++s) gram_(s, k) = column[order[s] * GramPanels::width];
        }
    }

    void sort_by_panel() {
        const auto for_each_coordinate = [&](const auto& body) {
            for (int64_t c = 0; c < std::ssize(channels_); ++c) {
                const int32_t* order = order_of(c);
                for (int64_t k = 0; k < count_; ++k) {
                    body(order[k] / GramPanels::width,
                         Coordinate{static_cast<int32_t>(c), static_cast<int32_t>(k)});
                }
            }
        };
        std::ranges::fill(end_of_panel_, 0);
        for_each_coordinate([&](int64_t p, const Coordinate&) { ++end_of_panel_[p]; });
        std::exclusive_scan(end_of_panel_.begin(), end_of_panel_.end(), end_of_panel_.begin(), 0);
        for_each_coordinate([&](int64_t p, const Coordinate& coordinate) {
            coordinates_[end_of_panel_[p]++] = coordinate;
        });
    }

    const GramPanels& panels_;
    std::span<const ChannelState> channels_;
    int64_t size_;
    bool ahead_;
    bool shared_;  ///< all channels have the same block
    int64_t first_ = 0;
    int64_t count_ = 0;
    std::vector<Coordinate> coordinates_;  ///< by panel
    std::vector<int32_t> end_of_panel_;    ///< in coordinates_
    Matrix<float> gram_;
    Matrix<double> residual_;
};

/** At most `Size` coordinates of one channel; those visited correct the residuals of the rest. */
template <int64_t Size>
class Block {
  public:
    [[gnu::always_inline]] inline Block(const SweepMatrix& matrix, const FetchedBlock& fetched,
                                        int64_t c, int64_t first, ChannelState& channel)
        : matrix_(matrix),
          channel_(channel),
          gram_(fetched.gram(c)),
          order_(channel.order.data() + first) {
        std::copy_n(fetched.residual(c), Size, residual_.data());
    }

    int32_t coordinate(int64_t s) const { return order_[s]; }

    /** Puts coordinate s on the grid; returns how far it moved. */
    [[gnu::always_inline]] inline float visit(int64_t s) {
        const int32_t i = order_[s];
        const double value = channel_.scaled_weight(i);
        const ScaleGroup& group = channel_.group_of(i);
        const int code = group.levels.nearest_to_multiple(
            (value + residual_[s] * matrix_.inverse_diagonal[i]) * group.inverse_ratio);
        channel_.code[i] = static_cast<uint8_t>(code);
        const auto move = static_cast<float>(group.ratio * group.levels.multiple(code) - value);
        const auto step = static_cast<double>(move);
        // All of them, since H is 0 here where there is nothing to correct: whole vectors are
        // faster.
        for (int64_t t = 0; t < Size; ++t) {
            residual_[t] -= static_cast<double>(gram_[s * Size + t]) * step;
        }
        return move;
    }

  private:
    const SweepMatrix& matrix_;
    ChannelState& channel_;
    const float* gram_;
    const int32_t* order_;
    alignas(64) std::array<double, Size> residual_;
};

template <int64_t Size>
[[gnu::always_inline]] inline void settle(const SweepMatrix& matrix, const FetchedBlock& fetched,
                                          int64_t first, int64_t count,
                                          std::span<ChannelState> channels, BlockMoves& moves) {
    int64_t c = 0;
    for (; c + 1 < std::ssize(channels); c += 2) {
        Block<Size> block0(matrix, fetched, c, first, channels[c]);
        Block<Size> block1(matrix, fetched, c + 1, first, channels[c + 1]);
        for (int64_t s = 0; s < count; ++s) {
            moves.set(c, s, block0.coordinate(s), block0.visit(s));
            moves.set(c + 1, s, block1.coordinate(s), block1.visit(s));
        }
    }
    if (c == std::ssize(channels)) return;
    Block<Size> block(matrix, fetched, c, first, channels[c]);
    for (int64_t s = 0; s < count; ++s) moves.set(c, s, block.coordinate(s), block.visit(s));
}

/**
 * Puts `count` coordinates from place `first` of every channel's order on the grid. Two channels at
 * a time: the steps of one hide the latency of the other's.
 */
void settle_blocks(const SweepMatrix& matrix, const FetchedBlock& fetched, int64_t first,
                   int64_t count, std::span<ChannelState> channels, BlockMoves& moves) {
    run_vectorized([&](auto) {
        if (moves.stride <= small_block) {
            settle<small_block>(matrix, fetched, first, count, channels, moves);
        } else {
            settle<large_block>(matrix, fetched, first, count, channels, moves);
        }
    });
}

}  // namespace

void first_sweep(const SweepMatrix& matrix, std::span<ChannelState> channels) {
    const int64_t m = matrix.panels.order();
    const int64_t block = first_sweep_block(m);
    PanelVectors residuals(std::ssize(channels), m);
    BlockMoves moves(residuals.channels(), block);
    FetchedBlock fetched(matrix, channels, block);
    fetched.begin(0, std::min(block, m));
    for (int64_t p = 0; p < matrix.panels.panels(); ++p) fetched.fetch_ahead(residuals, p);
    for (int64_t first = 0; first < m; first += block) {
        const int64_t count = std::min(block, m - first);
        fetched.finish(residuals);
        settle_blocks(matrix, fetched, first, count, channels, moves);
        const int64_t next = first + count;
        fetched.begin(next, std::min(block, m - next));
        subtract_gram_rows(
            matrix.panels,
            {moves.row.data(), moves.factor.data(), block, count, matrix.shared_order}, residuals,
            [&](int64_t p) { fetched.fetch_ahead(residuals, p); });
    }
    for (int64_t c = 0; c < std::ssize(channels); ++c) {
        residuals.copy_channel(c, channels[c].residual.data(), m);
    }
}

ChannelBatches::ChannelBatches(int64_t channels, int64_t in_features) : channels_(channels) {
    // With this many channels each row of a panel is used four to eight times while it is cached.
    const int64_t block = first_sweep_block(in_features);
    const int64_t uses = block == large_block ? 8 : 4;
    const int64_t wanted = std::max<int64_t>(32, uses * in_features / block);
    const int64_t threads = tbb::this_task_arena::max_concurrency();
    size_ = std::clamp<int64_t>((channels + threads - 1) / threads, 1, wanted);
}

void ChannelBatches::run(const std::function<void(int64_t batch)>& body) const {
    tbb::parallel_for(int64_t{0}, count(), body);
}

}  // namespace comq
