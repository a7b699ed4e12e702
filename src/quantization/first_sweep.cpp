#include "quantization/first_sweep.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <vector>

namespace comq {
namespace {

constexpr int64_t largest_block = 32;

/** Coordinates of the present block of every channel and how far they moved. */
struct BlockMoves {
    int64_t stride;
    std::vector<int32_t> row;
    std::vector<float> factor;

    BlockMoves(int64_t channels, int64_t block)
        : stride(block),
          row(static_cast<std::size_t>(channels * block), 0),
          factor(static_cast<std::size_t>(channels * block), 0.0F) {}
};

/** Puts `count` coordinates from place `first` of the channel's order on the grid. */
void settle_block(const SweepMatrix& matrix, const PanelVectors& residuals, int64_t c,
                  int64_t first, int64_t count, ChannelState& channel, BlockMoves& moves) {
    const int32_t* order = channel.order.data() + first;
    int32_t* row = moves.row.data() + c * moves.stride;
    float* factor = moves.factor.data() + c * moves.stride;
    std::array<double, largest_block> residual;
    std::array<const float*, largest_block> column;
    for (int64_t t = 0; t < count; ++t) {
        residual[t] = residuals.at(c, order[t]);
        column[t] = matrix.panels.column(order[t]);
    }
    for (int64_t s = 0; s < count; ++s) {
        const int32_t i = order[s];
        const double value = channel.scaled_weight(i);
        const ScaleGroup& group = channel.group_of(i);
        channel.code[i] = static_cast<uint8_t>(group.levels.nearest_to_multiple(
            (value + residual[s] * matrix.inverse_diagonal[i]) * group.inverse_ratio));
        row[s] = i;
        factor[s] = static_cast<float>(channel.value(i) - value);
        const auto step = static_cast<double>(factor[s]);
        const int64_t offset = i * GramPanels::width;
        for (int64_t t = s + 1; t < count; ++t) {
            residual[t] -= static_cast<double>(column[t][offset]) * step;
        }
    }
}

}  // namespace

void first_sweep(const SweepMatrix& matrix, std::span<ChannelState> channels) {
    const int64_t m = matrix.panels.order();
    const int64_t block = first_sweep_block(m);
    static_assert(first_sweep_block(1) <= largest_block &&
                  first_sweep_block(1 << 20) <= largest_block);
    PanelVectors residuals(std::ssize(channels), m);
    BlockMoves moves(residuals.channels(), block);
    for (int64_t first = 0; first < m; first += block) {
        const int64_t count = std::min(block, m - first);
        for (int64_t c = 0; c < std::ssize(channels); ++c) {
            settle_block(matrix, residuals, c, first, count, channels[c], moves);
        }
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
