#include "rotation/equalize.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "core/errors.hpp"
#include "networks/same_function.hpp"

namespace comq {

namespace {

// Far enough for ReLU6 to saturate, and exact.
constexpr double probing_factor = 32.0;
// Factors of a turn within this of 1 count as none.
constexpr double settled = 1e-3;
constexpr int most_turns = 50;

/** The weight as [groups, out / groups, in / groups, kernel]. */
torch::Tensor by_channel(const QuantizableLayer& layer) {
    const auto* convolution = layer.convolution();
    const int64_t kernel = convolution == nullptr ? 1 : convolution->kernel.product();
    return layer.weight()
        .to(torch::kDouble)
        .reshape({layer.groups(), layer.out_features() / layer.groups(),
                  layer.in_features() / kernel, kernel});
}

int64_t input_channels(const QuantizableLayer& layer) {
    const auto* convolution = layer.convolution();
    const int64_t kernel = convolution == nullptr ? 1 : convolution->kernel.product();
    return layer.groups() * (layer.in_features() / kernel);
}

bool can_be_scaled(const Observable& norm) {
    return norm.weight().defined() && norm.bias().defined();
}

void multiply_outputs(const EqualizedChannels& channels, const torch::Tensor& factor) {
    Observable& scaled = channels.norm != nullptr ? *channels.norm : *channels.layer;
    std::vector<int64_t> along_rows(static_cast<std::size_t>(scaled.weight().dim()), 1);
    along_rows[0] = -1;
    scaled.weight().copy_(scaled.weight().to(torch::kDouble) * factor.view(along_rows));
    if (scaled.bias().defined()) scaled.bias().copy_(scaled.bias().to(torch::kDouble) * factor);
}

void divide_inputs(QuantizableLayer& reader, const torch::Tensor& factor) {
    const auto weight = by_channel(reader) / factor.view({reader.groups(), 1, -1, 1});
    reader.weight().copy_(weight.view(reader.weight().sizes()));
}

void scale(const EqualizedChannels& channels, const torch::Tensor& factor) {
    multiply_outputs(channels, factor);
    for (QuantizableLayer* reader : channels.readers) divide_inputs(*reader, factor);
}

/** Largest magnitude of a layer's weights by output channel, as its norm multiplies them. */
torch::Tensor output_range(const EqualizedChannels& channels) {
    const auto range = channels.layer->weight()
                           .to(torch::kDouble)
                           .abs()
                           .reshape({channels.layer->out_features(), -1})
                           .amax({1});
    if (channels.norm == nullptr) return range;
    const BatchStatistics& statistics = *channels.norm->statistics();
    const auto deviation = (statistics.variance.to(torch::kDouble) + statistics.eps).sqrt();
    return range * channels.norm->weight().to(torch::kDouble).abs() / deviation;
}

/** The largest of a reader's weights by input channel. */
torch::Tensor input_range(const QuantizableLayer& reader) {
    return by_channel(reader).abs().amax({1, 3}).flatten();
}

/** Whether the function stays when the channels are scaled; leaves every weight as it was. */
bool is_homogeneous(const EqualizedChannels& channels, const SameFunction& function) {
    const auto options = channels.layer->weight().options().dtype(torch::kDouble);
    const int64_t count = channels.layer->out_features();
    const auto odd = torch::arange(count, options).remainder(2.0);
    const auto factor = torch::pow(probing_factor, 2.0 * odd - 1.0);
    // Powers of two: to and fro without rounding.
    scale(channels, factor);
    const bool same = function.change() < SameFunction::tolerance;
    scale(channels, 1.0 / factor);
    return same;
}

}  // namespace

std::vector<EqualizedChannels> find_equalizable(Network& network, int64_t image_size) {
    const torch::NoGradGuard no_gradient;
    const SameFunction function(network, image_size);
    std::map<const Observable*, Observable*> norms;
    for (const auto& entry : network.observables()) {
        if (entry.convolution != nullptr) norms[entry.convolution] = entry.observable;
    }
    const auto& layers = network.layers();
    std::vector<EqualizedChannels> found;
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
        const auto norm = norms.find(layers[i].layer);
        EqualizedChannels channels{
            layers[i].layer, norm == norms.end() ? nullptr : norm->second, {}};
        if (channels.norm != nullptr && !can_be_scaled(*channels.norm)) continue;
        for (std::size_t r = i + 1; r < layers.size() && channels.readers.size() < 2; ++r) {
            if (input_channels(*layers[r].layer) != channels.layer->out_features()) break;
            channels.readers.push_back(layers[r].layer);
            if (!is_homogeneous(channels, function)) continue;
            found.push_back(channels);
            break;
        }
    }
    return found;
}

void equalize(Network& network, double share, int64_t image_size) {
    const torch::NoGradGuard no_gradient;
    const auto found = find_equalizable(network, image_size);
    if (found.empty()) {
        throw UsageError(
            "rotation.equalization: {} has no layers with nothing but ReLU or pooling between "
            "them; set the key to false",
            network.model_name());
    }
    const SameFunction function(network, image_size);
    // Turns are tried first, so that weights are rounded once, and by the share 0 not at all.
    auto tensors = network.state_dict();
    std::vector<torch::Tensor> kept;
    for (const auto& [name, tensor] : tensors) kept.push_back(tensor.clone());
    std::vector<torch::Tensor> total;
    for (const auto& channels : found) {
        total.push_back(torch::ones({channels.layer->out_features()},
                                    channels.layer->weight().options().dtype(torch::kDouble)));
    }
    for (int turn = 0; turn < most_turns; ++turn) {
        double furthest = 0.0;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto outputs = output_range(found[i]);
            auto inputs = torch::zeros_like(outputs);
            for (const QuantizableLayer* reader : found[i].readers) {
                inputs = torch::maximum(inputs, input_range(*reader));
            }
            const auto live = (outputs > 0.0).logical_and(inputs > 0.0);
            const auto factor =
                torch::where(live, (inputs / outputs).sqrt(), torch::ones_like(inputs));
            scale(found[i], factor);
            total[i] *= factor;
            furthest = std::max(furthest, (factor.log().abs()).max().item<double>());
        }
        if (furthest < settled) break;
    }
    for (std::size_t i = 0; i < kept.size(); ++i) tensors[i].second.copy_(kept[i]);
    for (std::size_t i = 0; i < found.size(); ++i) scale(found[i], total[i].pow(share));
    if (const double change = function.change(); !(change < SameFunction::tolerance)) {
        throw UsageError(
            "rotation.equalization: {} computes something else when it is equalized (its logits "
            "change by {:.1e}); set the key to false",
            network.model_name(), change);
    }
}

}  // namespace comq
