#include "calibration/collect.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "core/errors.hpp"
#include "data/selection.hpp"

namespace comq {

namespace {

using GramCollectors = std::map<const QuantizableLayer*, GramCollector>;

/** Hands the inputs of one batch of images to collectors; done once each layer had all of its. */
class GramTap : public Tap {
  public:
    GramTap(GramCollectors& collectors, std::vector<std::string> images)
        : collectors_(collectors), images_(std::move(images)) {
        for (const auto& [layer, collector] : collectors) missing_ += layer->calls();
    }

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        const auto found = collectors_.find(observed.layer());
        if (found != collectors_.end()) {
            found->second.add(input.to(torch::kFloat), images_);
            --missing_;
        }
        return input;
    }
    /** Nothing asks for the product of the last layer. */
    bool done() const override { return missing_ == 0; }

  private:
    GramCollectors& collectors_;
    std::vector<std::string> images_;
    int missing_ = 0;
};

/**
 * Has a network compute in bf16 while it lives: its parameters and buffers are rounded, and it
 * takes and gives bf16. Afterwards they are as before, to the bit. Nobody else may use the network
 * meanwhile.
 */
class BFloat16Scope {
  public:
    explicit BFloat16Scope(Network& network) {
        const torch::NoGradGuard no_gradient;
        const auto convert = [&](const torch::Tensor& tensor) {
            if (!tensor.is_floating_point()) return;
            saved_.emplace_back(tensor, tensor.data());
            saved_.back().first.set_data(tensor.to(torch::kBFloat16));
        };
        for (const auto& [name, tensor] : network.state_dict()) convert(tensor);
        for (const auto& tensor : network.constants()) convert(tensor);
    }
    ~BFloat16Scope() {
        for (auto& [tensor, data] : saved_) tensor.set_data(data);
    }
    BFloat16Scope(const BFloat16Scope&) = delete;
    BFloat16Scope& operator=(const BFloat16Scope&) = delete;

  private:
    std::vector<std::pair<torch::Tensor, torch::Tensor>> saved_;  ///< a tensor and its fp32 data
};

/** Over this rank's share of the batches. */
void run_share(const ImagePass& pass, const std::string& title, const ImagePass::Body& body) {
    ImagePass share = pass.over(every_nth_batch(pass.images.indices, pass.images.batch_size,
                                                communicator().rank(), communicator().size()));
    share.images.views = pass.images.views;
    share.run(title, "collecting the statistics of layers", body);
}

std::vector<std::string> ids_of(const ImageBatch& batch, const ImageSource& source) {
    std::vector<std::string> ids;
    for (const auto index : batch.indices) ids.push_back(source.info(index).id);
    return ids;
}

}  // namespace

std::vector<LayerStatistics> collect_statistics(Network& network,
                                                const std::vector<Network::LayerEntry>& layers,
                                                const CalibrationPass& pass) {
    std::vector<LayerStatistics> statistics(layers.size());
    Communicator& ranks = communicator();
    const auto owners = owners_of(layers, ranks.size());
    const auto take_from = [&](auto& collectors, const auto& take) {
        for (std::size_t i = 0; i < layers.size(); ++i) {
            auto& collector = collectors.at(layers[i].layer);
            collector.sum_at(ranks, owners[i]);
            if (owners[i] == ranks.rank()) take(collector, statistics[i]);
        }
    };

    const auto collect = [&](const ImagePass& images, const std::string& title,
                             const std::string& name) {
        GramCollectors collectors;
        for (const auto& entry : layers) {
            collectors.try_emplace(entry.layer, *entry.layer, pass.row_sample);
        }
        std::optional<BFloat16Scope> in_bfloat16;
        if (pass.bfloat16) in_bfloat16.emplace(network);
        run_share(images, title, [&](const torch::Tensor& pixels, const ImageBatch& batch) {
            GramTap tap(collectors, ids_of(batch, *images.images.source));
            const torch::InferenceMode inference;
            network.forward(pass.bfloat16 ? pixels.to(torch::kBFloat16) : pixels, &tap);
        });
        take_from(collectors, [&](GramCollector& collector, LayerStatistics& mine) {
            collector.take(name, mine);
            if (mine.rows.at(name) > 0) return;
            throw InputError("data.calibration: none of the {} images of '{}' can be read",
                             images.count(), title);
        });
    };
    collect(pass.fitted, "calibration", statistic::gram);
    if (pass.weighting) {
        std::map<const QuantizableLayer*, WeightedGramCollector> collectors;
        for (const auto& entry : layers) {
            collectors.try_emplace(entry.layer, *entry.layer, *pass.weighting);
        }
        run_share(pass.fitted, "calibration (gradients)",
                  [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                      visit_row_weights(network, layers, pixels, batch.indices, *pass.weighting,
                                        [&](const WeightedInput& seen) {
                                            collectors.at(&seen.layer).add(seen.input, seen.weight);
                                        });
                  });
        take_from(collectors, [&](WeightedGramCollector& collector, LayerStatistics& mine) {
            collector.take(mine);
        });
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
    const std::vector<Network::LayerEntry>& layers, int64_t budget_bytes, double copies) {
    std::vector<std::vector<Network::LayerEntry>> groups;
    int64_t used = 0;
    for (const auto& entry : layers) {
        const auto bytes =
            static_cast<int64_t>(copies * static_cast<double>(gram_bytes(*entry.layer)));
        if (groups.empty() || used + bytes > budget_bytes) {
            groups.emplace_back();
            used = 0;
        }
        groups.back().push_back(entry);
        used += bytes;
    }
    return groups;
}

bool cpu_has_bfloat16() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
}

}  // namespace comq
