#include "experiment/refit_stage.hpp"

#include <algorithm>
#include <numeric>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "experiment/quantize_layer.hpp"
#include "models/norms.hpp"
#include "repair/fold_batch_norm.hpp"
#include "tensor/bridge.hpp"

namespace comq {

namespace {

/** In the order of the batches, whichever thread went through them. */
OutputSums sums_of(const std::string& name, int64_t channels, const std::vector<int64_t>& batches,
                   const SideBySide& walk) {
    std::map<int64_t, OutputSums> by_batch;
    for (const auto batch : batches) by_batch[batch] = {};
    walk.for_each(batches, [&](int64_t batch) {
        const auto outputs = walk.outputs(name, batch);
        const torch::InferenceMode inference;
        by_batch.at(batch).add(outputs.quantized, outputs.full_precision, channels);
    });
    OutputSums sums;
    for (const auto& [batch, part] : by_batch) sums.add(part);
    if (sums.rows > 0 && !torch::isfinite(sums.xx + sums.dd).all().item<bool>()) {
        throw InputError(
            "'{}': its outputs contain NaN or infinite values; check the checkpoint and the images",
            name);
    }
    return sums;
}

/** The step to take, whose strength held-out images chose. */
AffineStep step_of(const std::string& name, int64_t channels, AffineFreedom freedom,
                   const SideBySide& walk, RefitSummary& summary) {
    const auto fitted = sums_of(name, channels, walk.fitted(), walk);
    const auto held_out = sums_of(name, channels, walk.held_out(), walk);
    const auto whole = fit_affine(fitted, freedom);
    const double strength = best_strength(whole, held_out);
    const auto step = whole.times(strength);
    const auto& measured = held_out.rows > 0 ? held_out : fitted;
    if (const double signal = measured.signal(); signal > 0.0) {
        summary.add(strength, measured.dd.sum().item<double>() / signal,
                    step.error(measured) / signal);
    }
    return step;
}

/** `tensor` [C] becomes factor·tensor + shift, computed in fp64. */
void change(torch::Tensor tensor, const torch::Tensor& factor, const torch::Tensor& shift) {
    tensor.copy_(factor * tensor.to(torch::kCPU, torch::kDouble) + shift);
}

}  // namespace

int64_t RefitSummary::count() const {
    return std::accumulate(strengths.begin(), strengths.end(), int64_t{0},
                           [](int64_t sum, const auto& entry) { return sum + entry.second; });
}

void RefitSummary::add(double strength, double before, double after) {
    ++strengths[strength];
    const auto n = static_cast<double>(count());
    error_before += (before - error_before) / n;
    error_after += (after - error_after) / n;
}

RefitStage::RefitStage(const ExperimentConfig& config, Network& network)
    : config_(config), network_(network) {
    for (const auto& pair : conv_norm_pairs(network)) {
        mean_behind_[pair.convolution] = pair.norm->running_mean;
    }
}

void RefitStage::run(std::vector<LayerRecord>& layers, SideBySide& walk) {
    const torch::NoGradGuard no_gradient;
    std::map<std::string, QuantizableLayer*> quantizable;
    for (const auto& entry : network_.layers()) quantizable[entry.layer->name()] = entry.layer;
    const auto modules = network_.named_modules("", /*include_self=*/false);

    Progress progress("refit", "blocks", static_cast<int64_t>(network_.blocks().size()));
    walk.diverge();
    bool behind_quantized = false;
    for (std::size_t block = 0; block < network_.blocks().size(); ++block) {
        if (block > 0) walk.advance();
        for (const auto& name : walk.order_of_execution()) {
            const auto record = std::ranges::find(layers, name, &LayerRecord::name);
            if (record != layers.end()) {
                if (config_.repair.output_refit) {
                    refit_layer(*quantizable.at(name), *record, walk);
                }
                behind_quantized = true;
            } else if (!quantizable.contains(name) && behind_quantized &&
                       config_.repair.norm_refit) {
                refit_norm(name, *modules[name], walk);
            }
        }
        progress.advance(1, network_.blocks()[block].name);
    }
}

void RefitStage::refit_layer(QuantizableLayer& layer, LayerRecord& record, const SideBySide& walk) {
    const auto mean = mean_behind_.find(&layer);
    const AffineFreedom freedom{
        .shared_slope = config_.quantization.granularity == Granularity::per_layer,
        .shift = layer.bias().defined() || mean != mean_behind_.end()};
    const int64_t channels = layer.kind() == LayerKind::convolution ? 1 : -1;
    const auto step = step_of(layer.name(), channels, freedom, walk, outputs_);
    if (!step.moves()) return;

    const auto factor = step.slope + 1.0;
    const auto scale = to_torch(record.scale).to(torch::kDouble) * factor.unsqueeze(1);
    record.scale = to_host(scale.to(torch::kFloat).contiguous());
    install_weight(layer, record);
    if (layer.bias().defined()) {
        change(layer.bias(), factor, step.shift);
    } else if (freedom.shift) {
        change(mean->second, torch::ones_like(factor), -step.shift);
    }
}

void RefitStage::refit_norm(const std::string& name, torch::nn::Module& norm,
                            const SideBySide& walk) {
    const auto parameters = norm.named_parameters(/*recurse=*/false);
    const auto* weight = parameters.find("weight");
    const auto* bias = parameters.find("bias");
    if (weight == nullptr || bias == nullptr) return;
    const int64_t channels = dynamic_cast<BatchNorm2dImpl*>(&norm) != nullptr ? 1 : -1;
    const auto step = step_of(name, channels, {}, walk, norms_);
    if (!step.moves()) return;
    const auto factor = step.slope + 1.0;
    change(*weight, factor, torch::zeros_like(factor));
    change(*bias, factor, step.shift);
}

}  // namespace comq
