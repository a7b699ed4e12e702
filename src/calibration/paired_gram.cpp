#include "calibration/paired_gram.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "calibration/conv_gram.hpp"
#include "calibration/gram_collector.hpp"

namespace comq {

namespace {

constexpr int64_t floats_at_once = 4 << 20;  ///< of the rows of one network

}  // namespace

PairedGramCollector::PairedGramCollector(const QuantizableLayer& layer)
    : layer_(layer), gram_(2 * layer.in_features(), layer.groups()) {}

void PairedGramCollector::add(const torch::Tensor& quantized_input,
                              const torch::Tensor& full_precision_input) {
    const int64_t images = quantized_input.size(0);
    // The patches of a convolution on a large map are worth many times the map.
    const bool convolution = layer_.kind() == LayerKind::convolution;
    const int64_t floats_per_image =
        quantized_input[0].numel() * (convolution ? layer_.weight()[0][0].numel() : 1);
    const int64_t at_once = std::clamp<int64_t>(floats_at_once / floats_per_image, 1, images);
    for (int64_t first = 0; first < images; first += at_once) {
        const int64_t count = std::min(at_once, images - first);
        const auto rows_of = [&](const torch::Tensor& input) {
            return layer_.rows(input.narrow(0, first, count));
        };
        const auto rows = torch::cat({rows_of(quantized_input), rows_of(full_precision_input)},
                                     2);  // [groups, N, 2m]
        for (int64_t start = 0; start < rows.size(1); start += rows_per_product) {
            const int64_t height = std::min(rows_per_product, rows.size(1) - start);
            add_product(rows.narrow(1, start, height).transpose(1, 2), gram_);
        }
        rows_ += rows.size(1);
    }
}

void PairedGramCollector::take(const std::string& paired_name, const std::string& plain_name,
                               LayerStatistics& statistics) {
    if (!gram_.finite()) throw non_finite_inputs(layer_);
    const int64_t m = layer_.in_features();
    statistics.in_features = m;
    statistics.groups = layer_.groups();
    statistics.rows[paired_name] = statistics.rows[plain_name] = rows_;
    auto& plain = statistics.grams[plain_name];
    auto& paired = statistics.grams[paired_name] = gram_.take();
    for (const PackedTriangle& triangle : paired) {
        PackedTriangle& own = plain.emplace_back(m);
        for (int64_t i = 0; i < m; ++i) std::copy_n(triangle.row(m + i) + m, i + 1, own.row(i));
    }
}

}  // namespace comq
