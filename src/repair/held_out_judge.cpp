#include "repair/held_out_judge.hpp"

#include <fmt/format.h>

namespace comq {

HeldOutJudge::HeldOutJudge(const RepairContext& context, const TrainingImages& images) {
    const auto pass = context.pass.over({}).in_batches_of(context.micro_batch);
    const int64_t count = views(context.config);
    for (int64_t view = 0; view < count; ++view) {
        walks_.emplace_back(context.original, context.network,
                            count == 1 ? pass : images.view(pass, view), context.held_out,
                            context.scratch / fmt::format("view_{}", view), "tuning norms");
        divergences_.emplace_back(walks_.back());
    }
}

double HeldOutJudge::measure() const {
    double sum = 0.0;
    for (const auto& divergence : divergences_) sum += divergence.measure();
    return sum / static_cast<double>(divergences_.size());
}

int64_t HeldOutJudge::views(const RepairConfig& config) {
    constexpr int64_t of_changed_images = 4;
    return config.crops || config.mixtures ? of_changed_images : 1;
}

}  // namespace comq
