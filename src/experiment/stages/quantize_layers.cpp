#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "calibration/collect.hpp"
#include "calibration/gram_collector.hpp"
#include "core/background_queue.hpp"
#include "core/errors.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/stages/stages.hpp"

namespace comq {

namespace {

/** Finished layers that a kill may lose, since they wait for the disk. */
constexpr std::size_t most_unwritten = 4;

/**
 * Each layer from its statistics in the full-precision network; ranks share them. Layers are
 * written on a thread of their own: a kill loses, besides those being solved, up to four that wait
 * for the disk.
 */
void quantize_layers(RunContext& context) {
    const LayerMethods methods(context.config.quantization, context.device);
    RunJournal& journal = *context.journal;
    auto rest = context.plan.layers;
    std::erase_if(rest, [&](const PlannedLayer& planned) {
        return journal.has_layer(planned.entry.layer->name());
    });
    const auto all = context.plan.layers.size();
    if (rest.size() < all) {
        spdlog::info("{} of {} layers were finished before", all - rest.size(), all);
    }
    BackgroundQueue writer(most_unwritten);
    const auto solve = [&](const PlannedLayer& planned, const LayerStatistics& statistics) {
        if (context.stop) {
            writer.finish();
            throw Interrupted("interrupted; {} layers are kept", journal.finished_layers().size());
        }
        const auto finished = std::make_shared<const LayerRecord>(
            quantize_layer(planned, statistics, *methods.chosen, *methods.round_to_nearest));
        writer.push([&journal, finished] { journal.store_layer(*finished); });
    };
    context.statistics().for_each(rest,
                                  {.stage = "solve", .progress = "quantization", .visit = solve});
    context.times.timed("solve", [&] { writer.finish(); });
    journal.exchange(context.ranks);
    install_finished_layers(context);
    check_bad_images(context, context.bad_calibration);
}

/** Which rotation a run takes is known only after it has tried some: its statistics are its own. */
void collect_for_others(RunContext& context) {
    if (context.config.rotation.any()) return;
    context.statistics().collect_missing(context.plan.layers);
}

/** While a group of layers is summed, and some of them are solved from what has been summed. */
double peak_of_group(const std::vector<Network::LayerEntry>& group, const Probe& probe) {
    const double matrices = probe.solver_matrices();
    const auto copies = gram_copies(probe.config.calibration);
    double summing = 0.0, summed = 0.0;
    std::vector<double> solving;
    for (const auto& entry : group) {
        const auto gram = static_cast<double>(gram_bytes(*entry.layer));
        summing += copies.at_peak * gram;
        summed += copies.finished * gram;
        const auto groups = entry.layer->groups();
        const auto at_once = static_cast<double>(std::min<int64_t>(groups, probe.threads));
        solving.push_back(gram / static_cast<double>(groups) * at_once * matrices);
    }
    std::ranges::sort(solving, std::greater());
    solving.resize(
        std::min(solving.size(), static_cast<std::size_t>(layers_solved_at_once(probe.threads))));
    return std::max(summing, std::reduce(solving.begin(), solving.end(), summed));
}

Cost cost_of_layers(const Probe& probe) {
    const auto& calibration = probe.config.calibration;
    const auto groups = group_by_memory(probe.plan.entries(), probe.config.resources.memory_bytes,
                                        gram_copies(calibration).at_peak);
    Cost cost;
    for (const auto& group : groups) {
        cost.memory_bytes =
            std::max(cost.memory_bytes, static_cast<int64_t>(peak_of_group(group, probe)));
    }
    cost.memory_bytes += probe.activation_bytes();
    for (const auto& planned : probe.plan.layers) {
        cost.gram_bytes += gram_bytes(*planned.entry.layer);
        cost.disk_bytes += 2 * planned.entry.layer->weight().numel();
    }
    cost.forward_passes = std::ssize(groups);
    const double gradients = calibration.weighting == Weighting::none ? 0.0 : gradient_pass;
    const double images = probe.calibration_images();
    cost.seconds.calibration =
        probe.seconds_of(images * static_cast<double>(groups.size()) * (1.0 + gradients)) +
        images * probe.gram_seconds();
    cost.seconds.solving = probe.solve_seconds();
    return cost;
}

}  // namespace

const Stage quantize_layers_stage{.name = "quantize layers",
                                  .takes_part =
                                      [](const ExperimentConfig& config) {
                                          return config.quantizes_weights() &&
                                                 config.calibration.inputs ==
                                                     CalibrationInputs::full_precision;
                                      },
                                  .cost = cost_of_layers,
                                  .run = quantize_layers,
                                  .share = collect_for_others};

}  // namespace comq
