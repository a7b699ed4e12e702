#include "calibration/gram_collector.hpp"

#include <algorithm>
#include <utility>

#include "calibration/conv_gram.hpp"
#include "calibration/patch_gram.hpp"
#include "core/check.hpp"

namespace comq {

namespace {

// Off the CPU, patches of a convolution are built at most this many floats at a time.
constexpr int64_t patch_floats = 16 << 20;

std::vector<OutputRun> sampled_outputs(const ConvGeometry& geometry, const RowSample& sample,
                                       const std::string& layer,
                                       const std::vector<std::string>& images) {
    std::vector<OutputRun> runs;
    for (std::size_t i = 0; i < images.size(); ++i) {
        for (const int64_t output : sample.rows(layer, images[i], geometry.outputs())) {
            runs.push_back({static_cast<int64_t>(i), output / geometry.x.outputs,
                            output % geometry.x.outputs, 1});
        }
    }
    return runs;
}

}  // namespace

GramCollector::GramCollector(const QuantizableLayer& layer, std::optional<RowSample> sample)
    : layer_(layer), sample_(std::move(sample)), gram_(layer.in_features(), layer.groups()) {
    const Conv2dOptions* convolution = layer.convolution();
    if (convolution != nullptr && layer.weight().is_cpu()) {
        outer_positions_ = convolution->kernel.product();
    }
}

void GramCollector::add(const torch::Tensor& input, const std::vector<std::string>& images) {
    const bool convolution = layer_.convolution() != nullptr;
    if (convolution && input.is_cpu()) {
        add_convolution(input.contiguous(), images);
        return;
    }
    if (!convolution) {
        add_rows(sampled(layer_.rows(input), images));
        return;
    }
    // Off the CPU; the patches of a large map are worth several times the map.
    const int64_t floats_per_image = input[0].numel() * layer_.weight()[0][0].numel();
    const int64_t at_once = std::max<int64_t>(1, patch_floats / floats_per_image);
    for (int64_t first = 0; first < input.size(0); first += at_once) {
        const int64_t count = std::min(at_once, input.size(0) - first);
        const auto part =
            std::span(images).subspan(images.empty() ? 0 : static_cast<std::size_t>(first),
                                      images.empty() ? 0 : static_cast<std::size_t>(count));
        add_rows(sampled(layer_.rows(input.narrow(0, first, count)), part));
    }
}

void GramCollector::add_convolution(const torch::Tensor& input,
                                    const std::vector<std::string>& images) {
    const ConvGeometry geometry = geometry_of(*layer_.convolution(), input);
    if (sample_ && !sample_->takes_all(geometry.outputs())) {
        const auto runs = sampled_outputs(geometry, *sample_, layer_.name(), images);
        rows_ += static_cast<int64_t>(runs.size());
        add_gathered_patches(geometry, {input.data_ptr<float>(), input.size(0)}, runs, gram_);
        return;
    }
    rows_ += input.size(0) * geometry.outputs();
    add_all_patches(geometry, input, gram_);
}

torch::Tensor GramCollector::sampled(const torch::Tensor& rows,
                                     std::span<const std::string> images) const {
    if (!sample_) return rows;
    COMQ_CHECK(!images.empty());
    const int64_t available = rows.size(1) / static_cast<int64_t>(images.size());
    if (sample_->takes_all(available)) return rows;
    std::vector<int64_t> chosen;
    int64_t first = 0;
    for (const auto& image : images) {
        for (const int64_t row : sample_->rows(layer_.name(), image, available)) {
            chosen.push_back(first + row);
        }
        first += available;
    }
    return rows.index_select(1, torch::tensor(chosen, torch::kInt64).to(rows.device()));
}

void GramCollector::add_rows(const torch::Tensor& rows) {
    rows_ += rows.size(1);
    add_rows_in_portions(rows, gram_);
}

void GramCollector::sum_at(Communicator& ranks, int owner) {
    gram_.sum_at(ranks, owner);
    rows_ = ranks.sum(rows_);
}

void GramCollector::take(const std::string& name, LayerStatistics& statistics) {
    if (!gram_.finite()) throw non_finite_inputs(layer_);
    statistics.in_features = layer_.in_features();
    statistics.groups = layer_.groups();
    statistics.rows[name] = rows_;
    auto grams = gram_.take();
    const int64_t channels = layer_.in_features() / outer_positions_;
    if (outer_positions_ > 1 && channels > 1) {
        for (auto& gram : grams) gram = channels_outermost(gram, outer_positions_);
    }
    statistics.grams[name] = std::move(grams);
}

InputError non_finite_inputs(const QuantizableLayer& layer) {
    return InputError(
        "layer '{}': its inputs contain NaN or infinite values; check the checkpoint and the "
        "images",
        layer.name());
}

int64_t gram_bytes(const QuantizableLayer& layer) {
    const int64_t m = layer.in_features();
    return layer.groups() * m * (m + 1) / 2 * 2 * static_cast<int64_t>(sizeof(double));
}

}  // namespace comq
