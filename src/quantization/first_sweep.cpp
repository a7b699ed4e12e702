#include "quantization/channel_state.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <vector>

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

/** H_st of a block's coordinates where s < t, else 0. */
template <int64_t Size>
struct BlockGram {
    alignas(64) std::array<std::array<float, Size>, Size> entry{};
};

/** At most `Size` coordinates of one channel; those visited correct the residuals of the rest. */
template <int64_t Size>
class Block {
  public:
    /** Fills `gram`, which other blocks may have used. */
    [[gnu::always_inline]] inline Block(const SweepMatrix& matrix, const PanelVectors& residuals,
                                        int64_t c, int64_t first, int64_t count,
                                        ChannelState& channel, BlockGram<Size>& gram)
        : matrix_(matrix), channel_(channel), gram_(gram), order_(channel.order.data() + first) {
        std::array<const float*, Size> column;
        for (int64_t t = 0; t < count; ++t) {
            residual_[t] = residuals.at(c, order_[t]);
            column[t] = matrix.panels.column(order_[t]);
        }
        // Apart from the visits, whose chain of dependent steps would wait for each of the loads.
        for (int64_t s = 0; s < count; ++s) {
            const int64_t offset = order_[s] * GramPanels::width;
            for (int64_t t = s + 1; t < count; ++t) gram_.entry[s][t] = column[t][offset];
        }
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
            residual_[t] -= static_cast<double>(gram_.entry[s][t]) * step;
        }
        return move;
    }

  private:
    const SweepMatrix& matrix_;
    ChannelState& channel_;
    BlockGram<Size>& gram_;
    const int32_t* order_;
    alignas(64) std::array<double, Size> residual_{};
};

template <int64_t Size>
[[gnu::always_inline]] inline void settle(const SweepMatrix& matrix, const PanelVectors& residuals,
                                          int64_t first, int64_t count,
                                          std::span<ChannelState> channels, BlockMoves& moves) {
    BlockGram<Size> gram0;
    BlockGram<Size> gram1;
    int64_t c = 0;
    for (; c + 1 < std::ssize(channels); c += 2) {
        Block<Size> block0(matrix, residuals, c, first, count, channels[c], gram0);
        Block<Size> block1(matrix, residuals, c + 1, first, count, channels[c + 1], gram1);
        for (int64_t s = 0; s < count; ++s) {
            moves.set(c, s, block0.coordinate(s), block0.visit(s));
            moves.set(c + 1, s, block1.coordinate(s), block1.visit(s));
        }
    }
    if (c == std::ssize(channels)) return;
    Block<Size> block(matrix, residuals, c, first, count, channels[c], gram0);
    for (int64_t s = 0; s < count; ++s) moves.set(c, s, block.coordinate(s), block.visit(s));
}

/**
 * Puts `count` coordinates from place `first` of every channel's order on the grid. Two channels at
 * a time: the steps of one hide the latency of the other's.
 */
void settle_blocks(const SweepMatrix& matrix, const PanelVectors& residuals, int64_t first,
                   int64_t count, std::span<ChannelState> channels, BlockMoves& moves) {
    run_vectorized([&](auto) {
        if (moves.stride <= small_block) {
            settle<small_block>(matrix, residuals, first, count, channels, moves);
        } else {
            settle<large_block>(matrix, residuals, first, count, channels, moves);
        }
    });
}

}  // namespace

void first_sweep(const SweepMatrix& matrix, std::span<ChannelState> channels) {
    const int64_t m = matrix.panels.order();
    const int64_t block = first_sweep_block(m);
    PanelVectors residuals(std::ssize(channels), m);
    BlockMoves moves(residuals.channels(), block);
    for (int64_t first = 0; first < m; first += block) {
        const int64_t count = std::min(block, m - first);
        settle_blocks(matrix, residuals, first, count, channels, moves);
        subtract_gram_rows(
            matrix.panels,
            {moves.row.data(), moves.factor.data(), block, count, matrix.shared_order}, residuals);
    }
    for (int64_t c = 0; c < std::ssize(channels); ++c) {
        residuals.copy_channel(c, channels[c].residual.data(), m);
    }
}

ChannelBatches::ChannelBatches(int64_t channels, int64_t in_features) : channels_(channels) {
    // With this many channels each row of a panel is used about four times while it is cached.
    const int64_t wanted = std::max<int64_t>(32, 4 * in_features / first_sweep_block(in_features));
    const int64_t threads = tbb::this_task_arena::max_concurrency();
    size_ = std::clamp<int64_t>((channels + threads - 1) / threads, 1, wanted);
}

void ChannelBatches::run(const std::function<void(int64_t batch)>& body) const {
    tbb::parallel_for(int64_t{0}, count(), body);
}

}  // namespace comq
