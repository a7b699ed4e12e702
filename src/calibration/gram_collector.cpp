#include "calibration/gram_collector.hpp"

#include <algorithm>

#include "core/errors.hpp"

namespace comq {

namespace {

// fp32 rounding grows with the rows of one product: up to this many, the relative error of a Gram
// was measured as 1e-7 or less (tests/calibration/gram_test.cpp holds it below 2e-7).
constexpr int64_t rows_per_product = 2048;

// Patches of a convolution are built at most this many floats at a time.
constexpr int64_t patch_floats = 16 << 20;

/** Rows of the triangle computed by one matrix product: narrow bands waste little above it. */
int64_t band_height(int64_t in_features) {
    return std::clamp<int64_t>((in_features / 6 + 31) / 32 * 32, 64, 384);
}

}  // namespace

GramCollector::GramCollector(const std::vector<Network::LayerEntry>& layers) {
    for (const auto& entry : layers) {
        auto sums = std::make_unique<LayerSums>();
        for (int64_t g = 0; g < entry.layer->groups(); ++g) {
            sums->groups.push_back(std::make_unique<GramAccumulator>(entry.layer->in_features()));
        }
        sums_.emplace(entry.layer, std::move(sums));
    }
}

torch::Tensor GramCollector::on_input(const QuantizableLayer& layer, const torch::Tensor& input) {
    const auto found = sums_.find(&layer);
    if (found == sums_.end()) return input;
    LayerSums& sums = *found->second;

    // The patches of a large map are worth several times the map: a few images at a time.
    const int64_t images = input.size(0);
    const int64_t floats_per_image =
        layer.kind() == LayerKind::linear ? 1 : input[0].numel() * layer.weight()[0][0].numel();
    const int64_t at_once = std::max<int64_t>(1, patch_floats / floats_per_image);
    for (int64_t first = 0; first < images; first += at_once) {
        const auto part = input.narrow(0, first, std::min(at_once, images - first));
        const auto rows = layer.rows(part);
        sums.rows += rows.size(1);
        for (int64_t start = 0; start < rows.size(1); start += rows_per_product) {
            const int64_t count = std::min(rows_per_product, rows.size(1) - start);
            const auto chunk = rows.narrow(1, start, count);
            if (layer.groups() == 1) {
                add_dense(sums, chunk[0]);
            } else {
                add_grouped(sums, chunk);
            }
        }
    }
    return input;
}

void GramCollector::add_dense(LayerSums& sums, const torch::Tensor& rows) {
    const int64_t m = rows.size(1);
    const int64_t height = band_height(m);
    for (int64_t first = 0; first < m; first += height) {
        const int64_t last = std::min(first + height, m);
        const auto band =
            torch::mm(rows.narrow(1, first, last - first).t(), rows.narrow(1, 0, last))
                .to(torch::kCPU)
                .contiguous();
        sums.groups[0]->add_rows(first, {band.data_ptr<float>(), last - first, last});
    }
}

void GramCollector::add_grouped(LayerSums& sums, const torch::Tensor& rows) {
    const auto grams = torch::bmm(rows.transpose(1, 2), rows).to(torch::kCPU).contiguous();
    const int64_t m = grams.size(1);
    for (int64_t g = 0; g < grams.size(0); ++g) {
        const float* gram = grams.data_ptr<float>() + g * m * m;
        sums.groups[static_cast<std::size_t>(g)]->add_rows(0, {gram, m, m});
    }
}

void GramCollector::take(const QuantizableLayer& layer, const std::string& name,
                         LayerStatistics& statistics) {
    LayerSums& sums = *sums_.at(&layer);
    statistics.in_features = layer.in_features();
    statistics.groups = layer.groups();
    statistics.rows[name] = sums.rows;
    auto& grams = statistics.grams[name];
    for (auto& group : sums.groups) {
        if (!group->finite()) {
            throw InputError(
                "layer '{}': its inputs contain NaN or infinite values; check the "
                "checkpoint and the images",
                layer.name());
        }
        grams.push_back(group->take());
    }
}

int64_t gram_bytes(const QuantizableLayer& layer) {
    const int64_t m = layer.in_features();
    return layer.groups() * m * (m + 1) / 2 * 2 * static_cast<int64_t>(sizeof(double));
}

}  // namespace comq
