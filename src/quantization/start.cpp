#include "quantization/start.hpp"

namespace comq {

Start float_start() { return {}; }

Start rtn_start(MatrixView<const float> weight, const Grid& grid) {
    Start start{Matrix<uint8_t>(weight.rows, weight.cols)};
    for (int64_t j = 0; j < weight.rows; ++j) {
        const ChannelLevels levels = grid.levels(j);
        for (int64_t i = 0; i < weight.cols; ++i) {
            start.bit_code(j, i) =
                static_cast<uint8_t>(levels.nearest(static_cast<double>(weight(j, i))));
        }
    }
    return start;
}

}  // namespace comq
