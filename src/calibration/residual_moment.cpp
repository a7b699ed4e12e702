#include "calibration/residual_moment.hpp"

#include <algorithm>

#include "calibration/conv_gram.hpp"
#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

constexpr int64_t patch_floats_at_once = 4 << 20;  ///< of a convolution on a large map

}  // namespace

ResidualMomentCollector::ResidualMomentCollector(const QuantizableLayer& layer, int64_t parts)
    : layer_(layer),
      parts_(parts),
      moment_(layer.out_features() / layer.groups() / parts, layer.in_features(),
              layer.groups() * parts) {}

void ResidualMomentCollector::add(const SummedPair& seen, const torch::Tensor& row_weight) {
    const auto& input = seen.input.quantized;
    const auto change = seen.stream.full_precision - seen.stream.quantized;
    const int64_t images = input.size(0);
    const int64_t patch = layer_.convolution() != nullptr ? layer_.weight()[0][0].numel() : 1;
    const int64_t at_once =
        std::clamp<int64_t>(patch_floats_at_once / (input[0].numel() * patch), 1, images);
    for (int64_t first = 0; first < images; first += at_once) {
        const int64_t count = std::min(at_once, images - first);
        const auto rows = layer_.rows(input.narrow(0, first, count));
        auto wanted = output_rows(layer_, change.narrow(0, first, count), parts_);
        COMQ_CHECK(wanted.size(1) == rows.size(1));
        if (row_weight.defined()) {
            const int64_t of_image = rows.size(1) / count;
            wanted = wanted * row_weight.narrow(1, first * of_image, count * of_image).unsqueeze(2);
        }
        for (int64_t row = 0; row < rows.size(1); row += rows_per_product) {
            const int64_t length = std::min(rows_per_product, rows.size(1) - row);
            const auto product =
                torch::bmm(wanted.narrow(1, row, length).transpose(1, 2),
                           rows.narrow(1, row, length).repeat_interleave(parts_, 0))
                    .to(torch::kCPU)
                    .contiguous();
            moment_.add(product.data_ptr<float>());
        }
    }
}

void ResidualMomentCollector::take(LayerStatistics& statistics) {
    if (!moment_.finite()) {
        throw InputError(
            "layer '{}': the residual stream that it is added to contains NaN or infinite values; "
            "check the checkpoint and the images, or set calibration.residual_targets to false",
            layer_.name());
    }
    statistics.residual_moment = moment_.take();
}

}  // namespace comq
