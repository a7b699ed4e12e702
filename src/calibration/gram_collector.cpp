#include "calibration/gram_collector.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "calibration/conv_gram.hpp"
#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

// Off the CPU, patches of a convolution are built at most this many floats at a time.
constexpr int64_t patch_floats = 16 << 20;

constexpr int64_t paired_floats = 4 << 20;  ///< at a time, of the rows of one of two networks

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

/** The sum of `layer`'s rows, whose coordinates have `positions` of a kernel outermost. */
template <typename Sum>
std::vector<PackedTriangle> take_grams(const QuantizableLayer& layer, Sum& sum, int64_t positions,
                                       LayerStatistics& statistics) {
    if (!sum.finite()) {
        throw InputError(
            "layer '{}': its inputs contain NaN or infinite values; check the checkpoint and the "
            "images",
            layer.name());
    }
    statistics.in_features = layer.in_features();
    statistics.groups = layer.groups();
    auto grams = sum.take();
    for (auto& gram : grams) gram = channels_outermost(std::move(gram), positions);
    return grams;
}

int64_t positions_of(const Conv2dOptions* convolution) {
    return convolution == nullptr ? 1 : convolution->kernel.product();
}

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

GramCollector::GramCollector(const QuantizableLayer& layer, std::optional<RowSample> sample)
    : layer_(layer), sample_(std::move(sample)), gram_(layer.in_features(), layer.groups()) {
    if (layer.weight().is_cpu()) outer_positions_ = positions_of(layer.convolution());
}

void GramCollector::add(const torch::Tensor& input, const std::vector<std::string>& images) {
    COMQ_CHECK(!sample_ || !images.empty());
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
        std::span<const std::string> part;
        if (sample_)
            part = std::span(images).subspan(static_cast<std::size_t>(first),
                                             static_cast<std::size_t>(count));
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
    statistics.grams[name] = take_grams(layer_, gram_, outer_positions_, statistics);
    statistics.rows[name] = rows_;
}

PairedGramCollector::PairedGramCollector(const QuantizableLayer& layer, int64_t weighted_parts)
    : layer_(layer), gram_((weighted_parts > 0 ? 1 : 2) * layer.in_features(), layer.groups()) {
    if (weighted_parts > 0) {
        weighted_.emplace(2 * layer.in_features(), layer.groups(), weighted_parts);
    } else if (layer.weight().is_cpu()) {
        unweighted_convolution_ = layer.convolution();
    }
}

void PairedGramCollector::add(const torch::Tensor& quantized_input,
                              const torch::Tensor& full_precision_input,
                              const torch::Tensor& row_weight) {
    COMQ_CHECK(row_weight.defined() == weighted_.has_value());
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
    const int64_t at_once = std::clamp<int64_t>(paired_floats / floats_per_image, 1, images);
    for (int64_t first = 0; first < images; first += at_once) {
        const int64_t count = std::min(at_once, images - first);
        const auto rows_of = [&](const torch::Tensor& input) {
            return layer_.rows(input.narrow(0, first, count));
        };
        const auto exact = rows_of(full_precision_input);
        const auto rows = torch::cat({rows_of(quantized_input), exact}, 2);  // [groups, N, 2m]
        if (weighted_) {
            const int64_t of_image = rows.size(1) / count;
            weighted_->add(rows, row_weight.narrow(1, first * of_image, count * of_image));
        }
        add_rows_in_portions(weighted_ ? exact : rows, gram_);
        rows_ += rows.size(1);
    }
}

void PairedGramCollector::take(const std::string& paired_name, const std::string& plain_name,
                               LayerStatistics& statistics) {
    auto equal = take_grams(layer_, gram_, positions_of(unweighted_convolution_), statistics);
    auto& paired = statistics.grams[paired_name];
    auto& plain = statistics.grams[plain_name];
    if (weighted_) {
        paired = take_grams(layer_, *weighted_, 1, statistics);
        plain = std::move(equal);
    } else {
        paired = std::move(equal);
        std::ranges::transform(paired, std::back_inserter(plain), full_precision_part);
    }
    statistics.rows[paired_name] = statistics.rows[plain_name] = rows_;
}

int64_t gram_bytes(const QuantizableLayer& layer) {
    const int64_t m = layer.in_features();
    return layer.groups() * m * (m + 1) / 2 * 2 * static_cast<int64_t>(sizeof(double));
}

}  // namespace comq
