#include "calibration/collect.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "calibration/bfloat16_scope.hpp"
#include "calibration/gram_collector.hpp"
#include "core/errors.hpp"
#include "data/selection.hpp"

namespace comq {

namespace {

/** Over this rank's share of the batches. */
void run_share(const ImagePass& pass, const std::string& title, const ImagePass::Body& body) {
    pass.over(every_nth_batch(pass.images.indices, pass.images.batch_size, communicator().rank(),
                              communicator().size()))
        .run(title, "collecting the statistics of layers", body);
}

}  // namespace

std::vector<LayerStatistics> collect_statistics(Network& network,
                                                const std::vector<Network::LayerEntry>& layers,
                                                const CalibrationPass& pass) {
    std::vector<LayerStatistics> statistics(layers.size());
    Communicator& ranks = communicator();
    const auto owners = owners_of(layers, ranks.size());

    const auto collect = [&](const ImagePass& images, const std::string& title,
                             const std::string& name) {
        GramCollector collector(layers, pass.row_sample);
        std::optional<BFloat16Scope> in_bfloat16;
        if (pass.bfloat16) in_bfloat16.emplace(network);
        run_share(images, title, [&](const torch::Tensor& pixels, const ImageBatch& batch) {
            std::vector<std::string> ids;
            for (const auto index : batch.indices) {
                ids.push_back(images.images.source->info(index).id);
            }
            GramTap tap(collector, std::move(ids));
            const torch::InferenceMode inference;
            network.forward(pass.bfloat16 ? pixels.to(torch::kBFloat16) : pixels, &tap);
        });
        for (std::size_t i = 0; i < layers.size(); ++i) {
            collector.sum_at(*layers[i].layer, ranks, owners[i]);
            if (owners[i] == ranks.rank()) {
                collector.take(*layers[i].layer, name, statistics[i]);
                if (statistics[i].rows.at(name) > 0) continue;
                throw InputError("data.calibration: none of the {} images of '{}' can be read",
                                 images.count(), title);
            }
        }
    };
    collect(pass.fitted, "calibration", statistic::gram);
    if (pass.weighting) {
        FisherCollector collector(layers, *pass.weighting);
        run_share(pass.fitted, "calibration (gradients)",
                  [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                      collector.add(network, pixels, batch.indices);
                  });
        for (std::size_t i = 0; i < layers.size(); ++i) {
            collector.sum_at(*layers[i].layer, ranks, owners[i]);
            if (owners[i] == ranks.rank()) collector.take(*layers[i].layer, statistics[i]);
        }
    }
    if (!pass.held_out.empty()) {
        collect(pass.fitted.over(pass.held_out), "calibration (held out)", statistic::heldout_gram);
    }
    return statistics;
}

std::vector<int> owners_of(const std::vector<Network::LayerEntry>& layers, int ranks) {
    std::vector<double> cost;
    for (const auto& entry : layers) {
        const auto m = static_cast<double>(entry.layer->in_features());
        cost.push_back(m * m * static_cast<double>(entry.layer->out_features()));
    }
    std::vector<std::size_t> order(layers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return cost[i]; });
    std::vector<double> load(static_cast<std::size_t>(ranks), 0.0);
    std::vector<int> owners(layers.size());
    for (const std::size_t i : order) {
        const auto idlest = std::ranges::min_element(load);
        *idlest += cost[i];
        owners[i] = static_cast<int>(idlest - load.begin());
    }
    return owners;
}

std::vector<std::vector<Network::LayerEntry>> group_by_memory(
    const std::vector<Network::LayerEntry>& layers, int64_t budget_bytes, int further_passes) {
    std::vector<std::vector<Network::LayerEntry>> groups;
    int64_t used = 0;
    for (const auto& entry : layers) {
        // Beside the last sums stand the finished Grams of the passes before, each half as large.
        const int64_t bytes = gram_bytes(*entry.layer) * (2 + further_passes) / 2;
        if (groups.empty() || used + bytes > budget_bytes) {
            groups.emplace_back();
            used = 0;
        }
        groups.back().push_back(entry);
        used += bytes;
    }
    return groups;
}

}  // namespace comq
