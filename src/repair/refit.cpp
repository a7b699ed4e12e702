#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "passes/divergence_trials.hpp"
#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"
#include "repair/affine_refit.hpp"
#include "repair/repair.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

// Images of one pass: the unit of work of a thread, of which few are held out and trials end early.
constexpr int64_t refit_batch = 4;

/**
 * Through all held-out images: of at most four steps, half and whole, of the shift alone and with
 * the factor, those that lose are seen on some images alone.
 */
constexpr double trials_of_a_refit = 2.4;

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

/** What is refitted; `take` sets its parameters to those it began with, after a step. */
struct Site {
    std::string name;
    int64_t channel_axis;  ///< of its output
    bool can_shift;
    bool shared_slope;
    std::function<void(const AffineStep&)> take;
};

/** How many layers or norms took which step ("none", "shift", "half the shift"). */
using Choices = std::map<std::string, int64_t>;

class Refit {
  public:
    explicit Refit(RepairContext& context)
        : context_(context),
          walk_(context.original, context.network, context.pass.in_batches_of(refit_batch),
                context.held_out, context.scratch, "refitting outputs"),
          means_behind_(means_behind(context.network)),
          divergence_(walk_),
          trials_(divergence_),
          divergence_before_(trials_.measure()) {}

    void run();

    std::vector<RepairedParts> parts() const {
        std::vector<RepairedParts> parts;
        if (context_.config.output_refit) {
            parts.push_back(parts_of("output_refit", "layers refitted", outputs_));
        }
        if (context_.config.norm_refit) {
            parts.push_back(parts_of("norm_refit", "norms refitted", norms_));
        }
        return parts;
    }

  private:
    Site site_of(Observable& layer, LayerRecord& record) const;
    static Site site_of(Observable& norm);
    void refit(const Site& site, Choices& choices);
    OutputSums sums_of(const Site& site) const;
    RepairedParts parts_of(std::string_view key, std::string_view what,
                           const Choices& choices) const;

    RepairContext& context_;
    SideBySide walk_;
    std::map<const Observable*, torch::Tensor> means_behind_;
    LogitDivergence divergence_;
    DivergenceTrials trials_;
    double divergence_before_;
    Choices outputs_;
    Choices norms_;
};

void Refit::run() {
    const torch::NoGradGuard no_gradient;
    std::map<std::string, Observable*> observables;
    const Network& network = context_.network;
    for (const auto& entry : network.observables()) {
        observables[entry.observable->name()] = entry.observable;
    }

    walk_.diverge();
    Progress progress("refit", "blocks", std::ssize(network.blocks()));
    bool behind_quantized = false;
    const auto refit_step = [&](std::size_t step) {
        walk_.advance_to(step);
        for (const auto& name : walk_.order_of_execution()) {
            Observable& observable = *observables.at(name);
            const auto record = std::ranges::find(context_.layers, name, &LayerRecord::name);
            if (record != context_.layers.end()) {
                behind_quantized = true;
                if (context_.config.output_refit) refit(site_of(observable, *record), outputs_);
            } else if (observable.layer() == nullptr && observable.weight().defined() &&
                       behind_quantized && context_.config.norm_refit) {
                refit(site_of(observable), norms_);
            }
        }
    };
    for (const Block& block : network.blocks()) {
        for (std::size_t step = block.begin; step < block.end; ++step) refit_step(step);
        progress.advance(1, block.name);
    }
}

Site Refit::site_of(Observable& layer, LayerRecord& record) const {
    const auto found = means_behind_.find(&layer);
    const auto bias = layer.bias();
    const auto mean =
        bias.defined() || found == means_behind_.end() ? torch::Tensor() : found->second;
    const auto take = [&layer, &record, bias, mean, scale = record.scale,
                       old_bias = bias.defined() ? bias.clone() : bias,
                       old_mean = mean.defined() ? mean.clone() : mean](const AffineStep& step) {
        const auto factor = step.slope + 1.0;
        const auto scaled = to_torch(scale).to(torch::kDouble) * factor.unsqueeze(1);
        record.scale = to_host(scaled.to(torch::kFloat).contiguous());
        const auto weight = dequantized(record.bit_code, record.scale, record.zero_point);
        layer.weight().copy_(weight.view(layer.weight().sizes()));
        if (bias.defined()) set(bias, old_bias, factor, step.shift);
        if (mean.defined()) set(mean, old_mean, torch::ones_like(factor), -step.shift);
    };
    return {.name = layer.name(),
            .channel_axis = layer.channel_axis(),
            .can_shift = bias.defined() || mean.defined(),
            .shared_slope = context_.one_scale_a_layer,
            .take = take};
}

Site Refit::site_of(Observable& norm) {
    const auto weight = norm.weight(), bias = norm.bias();
    const auto take = [weight, bias, old_weight = weight.clone(),
                       old_bias = bias.defined() ? bias.clone() : bias](const AffineStep& step) {
        const auto factor = step.slope + 1.0;
        set(weight, old_weight, factor, torch::zeros_like(factor));
        if (bias.defined()) set(bias, old_bias, factor, step.shift);
    };
    return {.name = norm.name(),
            .channel_axis = norm.channel_axis(),
            .can_shift = bias.defined(),
            .shared_slope = false,
            .take = take};
}

void Refit::refit(const Site& site, Choices& choices) {
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
            const double least = trials_.least();
            if (!(trials_.measure() < least)) break;
            chosen = step;
            choice = name_of(kind, strength);
        }
    }
    if (tried) site.take(chosen);
    ++choices[choice];
}

/** Added in the order of the batches, whichever thread went through them. */
OutputSums Refit::sums_of(const Site& site) const {
    std::map<int64_t, OutputSums> by_batch;
    for (const auto batch : walk_.fitted()) by_batch[batch] = {};
    walk_.for_each(walk_.fitted(), [&](int64_t batch) {
        const auto calls = walk_.outputs(site.name, batch);
        const torch::InferenceMode inference;
        for (const ActivationPair& outputs : calls) {
            by_batch.at(batch).add(outputs.quantized, outputs.full_precision, site.channel_axis);
        }
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

RepairedParts Refit::parts_of(std::string_view key, std::string_view what,
                              const Choices& choices) const {
    RepairedParts parts{key, 0, what};
    std::vector<std::string> words;
    for (const auto& [choice, count] : choices) {
        words.push_back(fmt::format("{} for {}", choice, count));
        if (choice != "none") parts.count += count;
    }
    if (choices.empty()) return parts;
    parts.details = fmt::format(
        "{}; divergence from the full-precision network on held-out images {:.4f}, "
        "{:.4f} before",
        fmt::join(words, ", "), trials_.least(), divergence_before_);
    return parts;
}

}  // namespace

/**
 * Brings the outputs of the quantized network closer to those of the full-precision one, channel by
 * channel and in closed form (affine_refit.hpp), in the order of execution: each layer and norm is
 * fitted to what the ones before it give once they are refitted.
 *
 * `repair.output_refit`: the factor goes into the scales of a quantized layer, its codes stay; the
 * shift into its bias, or into the running mean of the BatchNorm behind a layer without one. A
 * layer with neither gets the factor alone; where a layer has one scale, so has it one factor.
 * `repair.norm_refit`: both go into weight and bias of the norms behind a quantized layer, the
 * factor alone where a norm has no bias.
 *
 * The closest output is not the best: least squares shrinks what is noisy, and a network of layers
 * that are all shrunken knows nothing (DeiT-Tiny at 2 bits falls from 45.8% to 3.2% Top-1, though
 * the mean squared relative error of its layers' outputs falls from 0.48 to 0.40). So each step,
 * the shift alone and factor and shift, is tried half and whole, and taken only as far as it lowers
 * the LogitDivergence on the held-out images (DivergenceTrials: on some of them where it loses).
 *
 * The same bits for any number of threads. Throws InputError naming a layer or norm whose outputs
 * are not finite.
 */
const Repair refit_repair{
    .enabled = [](const RepairConfig& config) { return config.output_refit || config.norm_refit; },
    .apply =
        [](RepairContext& context) {
            Refit refit(context);
            refit.run();
            return refit.parts();
        },
    .forwards =
        [](const RepairSize& size) {
            int64_t sites = size.config.output_refit ? size.layers : 0;
            if (size.config.norm_refit) {
                sites += std::ssize(size.network.observables()) - std::ssize(size.network.layers());
            }
            return size.images * two_networks_forwards(size.network, sites) +
                   0.5 * trials_of_a_refit * static_cast<double>(sites) * size.held_out;
        },
    .spooled = [](const RepairSize& size) { return 2.0 * (size.images + size.held_out); }};

}  // namespace comq
