#include "experiment/propagation_stage.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "batched/batched_descent.hpp"
#include "calibration/paired_gram.hpp"
#include "core/communicator.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"
#include "experiment/quantize_layer.hpp"
#include "quantization/propagation.hpp"
#include "tensor/batch_pixels.hpp"

namespace comq {

namespace {

constexpr const char* float_side = "full_precision";
constexpr const char* quantized_side = "quantized";

/** Keeps the input of one layer. */
class InputTap : public Tap {
  public:
    explicit InputTap(std::string layer) : layer_(std::move(layer)) {}
    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        if (layer.name() == layer_) input_ = input.clone();
        return input;
    }
    const torch::Tensor& input() const { return input_; }

  private:
    std::string layer_;
    torch::Tensor input_;
};

/** Keeps the names of layers in the order in which they run. */
class OrderTap : public Tap {
  public:
    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        names_.push_back(layer.name());
        return input;
    }
    std::ptrdiff_t place_of(const std::string& name) const {
        return std::ranges::find(names_, name) - names_.begin();
    }

  private:
    std::vector<std::string> names_;
};

torch::Tensor tapped(const Block& block, const torch::Tensor& input, Tap* tap) {
    const torch::InferenceMode inference;
    const TapScope scope(tap);
    return block.forward(input);
}

}  // namespace

void check_propagation(const ExperimentConfig& config) {
    if (config.calibration.inputs != CalibrationInputs::quantized) return;
    const auto refuse = [](const char* what) {
        throw UsageError("calibration.inputs: quantized inputs do not go with {}", what);
    };
    const auto& calibration = config.calibration;
    if (calibration.weighting != Weighting::none) refuse("calibration.weighting");
    if (calibration.rows_per_image) refuse("calibration.rows_per_image");
    if (calibration.precision != Precision::float32) refuse("calibration.precision");
    if (communicator().size() > 1) refuse("several ranks; start one process");
    if (!calibration.propagation && calibration.holdout == 0) {
        throw UsageError(
            "calibration.propagation: without a strength the best is chosen on held-out images; "
            "give one, or set calibration.holdout");
    }
}

/** What one call of run() works with. */
struct PropagationStage::Work {
    ActivationSpool spool;
    BadImages& bad;
    const std::atomic<bool>& stop;
    std::vector<int64_t> fitted;    ///< batches
    std::vector<int64_t> held_out;  ///< batches
    bool diverged = false;          ///< whether a layer is quantized

    /** Before the first quantized layer both networks have the same activations, spooled once. */
    torch::Tensor input(const char* side, int64_t batch, torch::Device device) const {
        return spool.load(spool.contains(side, batch) ? side : float_side, batch).to(device);
    }

    /** On a device one batch follows the other. */
    void for_each(const std::vector<int64_t>& batches, torch::Device device,
                  const std::function<void(int64_t)>& body) const {
        const auto guarded = [&](std::size_t i) {
            if (!stop) body(batches[i]);
        };
        if (device.is_cpu()) {
            tbb::parallel_for(std::size_t{0}, batches.size(), guarded);
        } else {
            for (std::size_t i = 0; i < batches.size(); ++i) guarded(i);
        }
        if (stop) throw Interrupted("interrupted while quantizing layer after layer");
    }
};

PropagationStage::PropagationStage(const ExperimentConfig& config, const LoadedModel& model,
                                   std::shared_ptr<Network> original, const RunImages& images,
                                   torch::Device device)
    : config_(config),
      model_(model),
      original_(std::move(original)),
      images_(images),
      device_(device),
      method_(make_method(config.quantization, descent_on(device))),
      round_to_nearest_(make_round_to_nearest(config.quantization)) {}

void PropagationStage::run(const LayerPlan& plan, RunJournal& journal, BadImages& bad,
                           StageTimes& times, const std::atomic<bool>& stop) {
    Work work{ActivationSpool(journal.folder() / "activations"), bad, stop, {}, {}, false};
    times.timed("calibrate", [&] { spool_images(work); });
    std::size_t last = 0;
    for (const auto& planned : plan.layers) last = std::max(last, planned.entry.block);
    Progress progress("quantization", "layers", static_cast<int64_t>(plan.layers.size()));
    for (std::size_t block = 0; block <= last; ++block) {
        for (const auto& planned : in_order_of_execution(plan, block, work)) {
            const std::string& name = planned.entry.layer->name();
            auto finished = journal.layer(name);
            if (!finished) {
                const auto statistics =
                    times.timed("calibrate", [&] { return collect(planned, work); });
                times.timed("solve", [&] {
                    finished.emplace().record = solve(planned, statistics);
                    journal.store_layer(*finished);
                });
            }
            install_weight(*planned.entry.layer, finished->record);
            work.diverged = true;
            progress.advance(1, name);
        }
        if (block < last) times.timed("calibrate", [&] { advance(block, work); });
    }
}

void PropagationStage::spool_images(Work& work) const {
    int64_t first = 0;
    const auto spool = [&](const std::vector<int64_t>& images, std::vector<int64_t>& batches) {
        LoaderOptions options(Consume::parallel);
        options.stop = &work.stop;
        options.augmentation_seed = augmentation_seed(config_);
        std::mutex mutex;
        const bool whole = for_each_batch(
            *images_.calibration_source, images, model_.description->preprocessing,
            config_.calibration.batch_size, work.bad,
            [&](ImageBatch&& batch) {
                work.spool.store(float_side, first + batch.batch, batch_pixels(batch));
                const std::lock_guard lock(mutex);
                batches.push_back(first + batch.batch);
            },
            options);
        if (!whole) throw Interrupted("interrupted while reading the calibration images");
        first += static_cast<int64_t>(images.size());
    };
    spool(images_.calibration.fitted, work.fitted);
    spool(images_.calibration.held_out, work.held_out);
}

std::vector<PlannedLayer> PropagationStage::in_order_of_execution(const LayerPlan& plan,
                                                                  std::size_t block,
                                                                  const Work& work) const {
    std::vector<PlannedLayer> layers;
    std::ranges::copy_if(plan.layers, std::back_inserter(layers),
                         [&](const PlannedLayer& planned) { return planned.entry.block == block; });
    if (layers.size() > 1) {
        OrderTap order;
        tapped(original_->blocks()[block], work.input(float_side, work.fitted.front(), device_),
               &order);
        std::ranges::stable_sort(layers, {}, [&](const PlannedLayer& planned) {
            return order.place_of(planned.entry.layer->name());
        });
    }
    return layers;
}

LayerStatistics PropagationStage::collect(const PlannedLayer& planned, Work& work) const {
    const QuantizableLayer& layer = *planned.entry.layer;
    LayerStatistics statistics;
    const auto sum = [&](const std::vector<int64_t>& batches, const char* paired,
                         const char* plain) {
        PairedGramCollector collector(layer);
        work.for_each(batches, device_, [&](int64_t batch) {
            InputTap exact(layer.name());
            InputTap quantized(layer.name());
            tapped(original_->blocks()[planned.entry.block], work.input(float_side, batch, device_),
                   &exact);
            if (work.diverged) {
                tapped(model_.network->blocks()[planned.entry.block],
                       work.input(quantized_side, batch, device_), &quantized);
            }
            const torch::InferenceMode inference;
            collector.add(work.diverged ? quantized.input() : exact.input(), exact.input());
        });
        collector.take(paired, plain, statistics);
    };
    sum(work.fitted, statistic::paired_gram, statistic::gram);
    if (!work.held_out.empty()) {
        sum(work.held_out, statistic::heldout_paired_gram, statistic::heldout_gram);
    }
    return statistics;
}

LayerRecord PropagationStage::solve(const PlannedLayer& planned,
                                    const LayerStatistics& statistics) const {
    double strength = 0.0;
    const auto propagated = [&](MatrixView<const float> weight) {
        auto found = solve_propagated(*method_, planned.entry.layer->name(), weight, statistics,
                                      planned.bits, config_.calibration.propagation);
        strength = found.strength;
        return std::move(found.solution);
    };
    LayerRecord record = quantize_layer(planned, statistics, propagated, *round_to_nearest_);
    record.propagation = strength;
    return record;
}

void PropagationStage::advance(std::size_t block, Work& work) const {
    auto batches = work.fitted;
    batches.insert(batches.end(), work.held_out.begin(), work.held_out.end());
    work.for_each(batches, device_, [&](int64_t batch) {
        // The quantized side first: without a file of its own it still reads the other's.
        if (work.diverged) {
            work.spool.store(quantized_side, batch,
                             tapped(model_.network->blocks()[block],
                                    work.input(quantized_side, batch, device_), nullptr));
        }
        work.spool.store(
            float_side, batch,
            tapped(original_->blocks()[block], work.input(float_side, batch, device_), nullptr));
    });
}

}  // namespace comq
