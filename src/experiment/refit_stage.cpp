#include "experiment/refit_stage.hpp"

#include <algorithm>
#include <utility>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "experiment/quantize_layer.hpp"
#include "repair/fold_batch_norm.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

/** `tensor` [C] becomes factor·value + shift, computed in fp64. */
void set(torch::Tensor tensor, const torch::Tensor& value, const torch::Tensor& factor,
         const torch::Tensor& shift) {
    tensor.copy_(factor * value.to(torch::kCPU, torch::kDouble) + shift);
}

std::string name_of(StepKind kind, double strength) {
    const std::string name = kind == StepKind::shift    ? "shift"
                             : kind == StepKind::factor ? "factor"
                                                        : "factor and shift";
    return strength < 1.0 ? "half the " + name : name;
}

}  // namespace

RefitStage::RefitStage(const ExperimentConfig& config, Network& network, SideBySide& walk)
    : config_(config),
      network_(network),
      walk_(walk),
      divergence_(walk),
      divergence_before_(divergence_.measure()),
      divergence_now_(divergence_before_) {
    for (const auto& pair : conv_norm_pairs(network)) {
        mean_behind_[pair.convolution] = pair.norm->batch_statistics()->mean;
    }
}

void RefitStage::run(std::vector<LayerRecord>& layers) {
    const torch::NoGradGuard no_gradient;
    std::map<std::string, Observable*> observables;
    for (const auto& entry : network_.observables()) {
        observables[entry.observable->name()] = entry.observable;
    }

    walk_.diverge();
    Progress progress("refit", "blocks", static_cast<int64_t>(network_.blocks().size()));
    bool behind_quantized = false;
    for (std::size_t block = 0; block < network_.blocks().size(); ++block) {
        if (block > 0) walk_.advance();
        for (const auto& name : walk_.order_of_execution()) {
            Observable& observable = *observables.at(name);
            const auto record = std::ranges::find(layers, name, &LayerRecord::name);
            if (record != layers.end()) {
                behind_quantized = true;
                if (config_.repair.output_refit) refit(site_of(observable, *record), outputs_);
            } else if (observable.layer() == nullptr && behind_quantized &&
                       config_.repair.norm_refit) {
                refit(site_of(observable), norms_);
            }
        }
        progress.advance(1, network_.blocks()[block].name);
    }
}

RefitStage::Site RefitStage::site_of(Observable& layer, LayerRecord& record) const {
    const auto found = mean_behind_.find(&layer);
    const auto bias = layer.bias();
    const auto mean =
        bias.defined() || found == mean_behind_.end() ? torch::Tensor() : found->second;
    const auto take = [&layer, &record, bias, mean, scale = record.scale,
                       old_bias = bias.defined() ? bias.clone() : bias,
                       old_mean = mean.defined() ? mean.clone() : mean](const AffineStep& step) {
        const auto factor = step.slope + 1.0;
        const auto scaled = to_torch(scale).to(torch::kDouble) * factor.unsqueeze(1);
        record.scale = to_host(scaled.to(torch::kFloat).contiguous());
        install_weight(layer, record);
        if (bias.defined()) set(bias, old_bias, factor, step.shift);
        if (mean.defined()) set(mean, old_mean, torch::ones_like(factor), -step.shift);
    };
    return {.name = layer.name(),
            .channels = layer.channel_axis(),
            .can_shift = bias.defined() || mean.defined(),
            .shared_slope = config_.quantization.granularity == Granularity::per_layer,
            .take = take};
}

RefitStage::Site RefitStage::site_of(Observable& norm) {
    const auto weight = norm.weight(), bias = norm.bias();
    const auto take = [weight, bias, old_weight = weight.clone(),
                       old_bias = bias.clone()](const AffineStep& step) {
        const auto factor = step.slope + 1.0;
        set(weight, old_weight, factor, torch::zeros_like(factor));
        set(bias, old_bias, factor, step.shift);
    };
    return {.name = norm.name(),
            .channels = norm.channel_axis(),
            .can_shift = true,
            .shared_slope = false,
            .take = take};
}

void RefitStage::refit(const Site& site, Choices& choices) {
    const auto sums = sums_of(site);
    const auto kinds = site.can_shift ? std::vector{StepKind::shift, StepKind::factor_and_shift}
                                      : std::vector{StepKind::factor};
    const auto none = torch::zeros_like(sums.x);
    AffineStep chosen{none, none};
    std::string choice = "none";
    bool tried = false;
    for (const auto kind : kinds) {
        const auto whole = fit_affine(sums, kind, site.shared_slope);
        if (!whole.moves()) continue;
        // Where half a step is one too far, so is the whole.
        for (double strength : {0.5, 1.0}) {
            const auto step = whole.times(strength);
            site.take(step);
            tried = true;
            const double divergence = divergence_.measure();
            if (!(divergence < divergence_now_)) break;
            divergence_now_ = divergence;
            chosen = step;
            choice = name_of(kind, strength);
        }
    }
    if (tried) site.take(chosen);
    ++choices[choice];
}

/** Added in the order of the batches, whichever thread went through them. */
OutputSums RefitStage::sums_of(const Site& site) const {
    std::map<int64_t, OutputSums> by_batch;
    for (const auto batch : walk_.fitted()) by_batch[batch] = {};
    walk_.for_each(walk_.fitted(), [&](int64_t batch) {
        const auto outputs = walk_.outputs(site.name, batch);
        const torch::InferenceMode inference;
        by_batch.at(batch).add(outputs.quantized, outputs.full_precision, site.channels);
    });
    OutputSums sums;
    for (const auto& [batch, part] : by_batch) sums.add(part);
    if (!sums.finite()) {
        throw InputError(
            "'{}': its outputs contain NaN or infinite values; check the checkpoint and the images",
            site.name);
    }
    return sums;
}

}  // namespace comq
