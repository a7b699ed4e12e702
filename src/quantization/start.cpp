#include "quantization/start.hpp"

#include "core/check.hpp"

namespace comq {

Start float_start() { return {}; }

Start rtn_start(MatrixView<const float> weight, const Grid& grid) {
    COMQ_CHECK(grid.channels() == weight.rows && weight.cols % grid.groups == 0);
    const int64_t width = weight.cols / grid.groups;
    Start start{Matrix<uint8_t>(weight.rows, weight.cols)};
    for (int64_t j = 0; j < weight.rows; ++j) {
        for (int64_t g = 0; g < grid.groups; ++g) {
            const ChannelLevels levels = grid.levels(j, g);
            for (int64_t i = g * width; i < (g + 1) * width; ++i) {
                start.bit_code(j, i) =
                    static_cast<uint8_t>(levels.nearest(static_cast<double>(weight(j, i))));
            }
        }
    }
    return start;
}

}  // namespace comq
