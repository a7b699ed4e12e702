#include "examples/prune_stage.hpp"

namespace comq {

namespace {

constexpr double pruned_share = 0.1;

/** Sets the tenth of each layer's weights that is nearest to zero to zero. */
void prune(RunContext& context) {
    const torch::NoGradGuard no_gradient;
    for (const auto& planned : context.plan.layers) {
        torch::Tensor& weight = planned.entry.layer->weight();
        const auto size = weight.abs();
        weight.masked_fill_(size <= size.flatten().quantile(pruned_share), 0.0);
    }
}

}  // namespace

const Stage prune_stage{
    .name = "prune",
    .takes_part = [](const ExperimentConfig& config) { return config.quantizes_weights(); },
    .cost = [](const Probe&) { return Cost{}; },
    .run = prune};

}  // namespace comq
