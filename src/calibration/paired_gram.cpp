#include "calibration/paired_gram.hpp"

#include <algorithm>
#include <iterator>

#include "calibration/conv_gram.hpp"
#include "calibration/gram_collector.hpp"
#include "calibration/patch_gram.hpp"
#include "core/check.hpp"

namespace comq {

namespace {

constexpr int64_t floats_at_once = 4 << 20;  ///< of the rows of one network

/** H, the Gram of the last m of 2m coordinates. */
PackedTriangle full_precision_part(const PackedTriangle& paired) {
    const int64_t m = paired.order() / 2;
    PackedTriangle own(m);
    for (int64_t i = 0; i < m; ++i) std::copy_n(paired.row(m + i) + m, i + 1, own.row(i));
    return own;
}

/** [B, 2C, H, W], of which group g has the channels of group g of either, x̃ before x. */
torch::Tensor by_groups(const torch::Tensor& quantized, const torch::Tensor& full_precision,
                        int64_t groups) {
    const auto grouped = [&](const torch::Tensor& maps) {
        return maps.reshape({maps.size(0), groups, -1, maps.size(2), maps.size(3)});
    };
    return torch::cat({grouped(quantized), grouped(full_precision)}, 2).flatten(1, 2).contiguous();
}

}  // namespace

PairedGramCollector::PairedGramCollector(const QuantizableLayer& layer, bool weighted)
    : layer_(layer), gram_(2 * layer.in_features(), layer.groups()) {
    if (!weighted && layer.weight().is_cpu()) unweighted_convolution_ = layer.convolution();
    if (weighted) equal_rows_.emplace(layer.in_features(), layer.groups());
}

void PairedGramCollector::add(const torch::Tensor& quantized_input,
                              const torch::Tensor& full_precision_input,
                              const torch::Tensor& row_weight) {
    COMQ_CHECK(row_weight.defined() == equal_rows_.has_value());
    const int64_t images = quantized_input.size(0);
    if (unweighted_convolution_ != nullptr) {
        // The rows [x̃ x] are the patches of a convolution over twice as many channels.
        const auto maps = by_groups(quantized_input, full_precision_input, layer_.groups());
        const auto geometry = geometry_of(*unweighted_convolution_, maps);
        add_all_patches(geometry, maps, gram_);
        rows_ += images * geometry.outputs();
        return;
    }
    // The patches of a convolution on a large map are worth many times the map.
    const int64_t floats_per_image =
        quantized_input[0].numel() *
        (layer_.convolution() != nullptr ? layer_.weight()[0][0].numel() : 1);
    const int64_t at_once = std::clamp<int64_t>(floats_at_once / floats_per_image, 1, images);
    for (int64_t first = 0; first < images; first += at_once) {
        const int64_t count = std::min(at_once, images - first);
        const auto rows_of = [&](const torch::Tensor& input) {
            return layer_.rows(input.narrow(0, first, count));
        };
        const auto exact = rows_of(full_precision_input);
        auto rows = torch::cat({rows_of(quantized_input), exact}, 2);  // [groups, N, 2m]
        if (equal_rows_) {
            const int64_t rows_per_image = rows.size(1) / count;
            const auto weight =
                row_weight.narrow(1, first * rows_per_image, count * rows_per_image);
            rows = rows * weight.sqrt().unsqueeze(2);
            add_rows_in_portions(exact, *equal_rows_);
        }
        add_rows_in_portions(rows, gram_);
        rows_ += rows.size(1);
    }
}

void PairedGramCollector::take(const std::string& paired_name, const std::string& plain_name,
                               LayerStatistics& statistics) {
    if (!gram_.finite()) throw non_finite_inputs(layer_);
    statistics.in_features = layer_.in_features();
    statistics.groups = layer_.groups();
    statistics.rows[paired_name] = statistics.rows[plain_name] = rows_;
    auto& paired = statistics.grams[paired_name] = gram_.take();
    if (unweighted_convolution_ != nullptr) {
        const int64_t positions = unweighted_convolution_->kernel.product();
        for (auto& gram : paired) gram = channels_outermost(gram, positions);
    }
    auto& plain = statistics.grams[plain_name];
    if (equal_rows_) {
        plain = equal_rows_->take();
    } else {
        std::ranges::transform(paired, std::back_inserter(plain), full_precision_part);
    }
}

}  // namespace comq
