#include "calibration/paired_gram.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "calibration/conv_gram.hpp"
#include "calibration/gram_collector.hpp"

namespace comq {

PairedGramCollector::PairedGramCollector(const QuantizableLayer& layer)
    : layer_(layer), gram_(2 * layer.in_features(), layer.groups()) {}

void PairedGramCollector::add(const torch::Tensor& quantized_input,
                              const torch::Tensor& full_precision_input) {
    // The patches of a convolution on a large map are worth many times the map: image by image.
    for (int64_t image = 0; image < quantized_input.size(0); ++image) {
        const auto rows = torch::cat({layer_.rows(quantized_input.narrow(0, image, 1)),
                                      layer_.rows(full_precision_input.narrow(0, image, 1))},
                                     2);  // [groups, N, 2m]
        for (int64_t start = 0; start < rows.size(1); start += rows_per_product) {
            const int64_t count = std::min(rows_per_product, rows.size(1) - start);
            add_product(rows.narrow(1, start, count).transpose(1, 2), gram_);
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
