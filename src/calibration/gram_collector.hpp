#pragma once

#include "torch_bridge/torch.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "calibration/row_sample.hpp"
#include "core/errors.hpp"
#include "networks/network.hpp"
#include "statistics/gram_accumulator.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/**
 * Sums H = XᵀX of the inputs of chosen layers. One collector serves all threads: what it sums does
 * not depend on the order of the micro-batches (GramAccumulator).
 */
class GramCollector {
  public:
    explicit GramCollector(const std::vector<Network::LayerEntry>& layers,
                           std::optional<RowSample> sample = std::nullopt);

    bool collects(const QuantizableLayer& layer) const { return sums_.contains(&layer); }
    /** How often one batch passes through layers that are collected. */
    int call_count() const;

    /**
     * Adds the rows of `input` to a layer that is collected. `images` names the images of its
     * batch, in order; it is read only where rows are sampled.
     */
    void add(const QuantizableLayer& layer, const torch::Tensor& input,
             const std::vector<std::string>& images);

    /** Adds up the sums of `layer` over all ranks, at `owner`; every rank calls it. */
    void sum_at(const QuantizableLayer& layer, Communicator& ranks, int owner);

    /**
     * Moves the sums of `layer` into `statistics` under `name`. Throws InputError naming the layer
     * when an input was NaN or infinite.
     */
    void take(const QuantizableLayer& layer, const std::string& name, LayerStatistics& statistics);

  private:
    struct LayerSums {
        explicit LayerSums(const QuantizableLayer& layer);
        GramAccumulator gram;
        /** Kernel positions by which a convolution's coordinates are ordered outermost. */
        int64_t outer_positions = 1;
        std::atomic<int64_t> rows = 0;
    };
    void add_convolution(const QuantizableLayer& layer, const torch::Tensor& input,
                         const std::vector<std::string>& images, LayerSums& sums) const;
    /** The rows `[groups, N, m]` that count. */
    torch::Tensor sampled(const QuantizableLayer& layer, const torch::Tensor& rows,
                          std::span<const std::string> images) const;
    void add_rows(const torch::Tensor& rows, LayerSums& sums) const;

    std::optional<RowSample> sample_;
    std::unordered_map<const QuantizableLayer*, std::unique_ptr<LayerSums>> sums_;
};

/** Hands the inputs of one batch of images to a collector; done once each layer had its own. */
class GramTap : public Tap {
  public:
    GramTap(GramCollector& collector, std::vector<std::string> images)
        : collector_(collector), images_(std::move(images)) {}

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        const QuantizableLayer* layer = observed.layer();
        if (layer != nullptr && collector_.collects(*layer)) {
            collector_.add(*layer, input.to(torch::kFloat), images_);
            ++seen_;
        }
        return input;
    }
    /** Nothing asks for the product of the last layer. */
    bool done() const override { return seen_ == collector_.call_count(); }

  private:
    GramCollector& collector_;
    std::vector<std::string> images_;
    int seen_ = 0;
};

/** What to throw when an input of `layer` was NaN or infinite. */
InputError non_finite_inputs(const QuantizableLayer& layer);

/** Bytes that a GramCollector holds for one layer. */
int64_t gram_bytes(const QuantizableLayer& layer);

}  // namespace comq
