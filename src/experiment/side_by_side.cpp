#include "experiment/side_by_side.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/errors.hpp"
#include "models/output_tap.hpp"
#include "tensor/batch_pixels.hpp"

namespace comq {

namespace {

constexpr const char* float_side = "full_precision";
constexpr const char* quantized_side = "quantized";

using ModuleNames = std::unordered_map<const torch::nn::Module*, std::string>;

/** Keeps the input of one layer. */
class InputTap : public Tap {
  public:
    explicit InputTap(const std::string& layer) : layer_(layer) {}
    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        if (layer.name() == layer_) input_ = input.clone();
        return input;
    }
    const torch::Tensor& input() const { return input_; }

  private:
    const std::string& layer_;
    torch::Tensor input_;
};

/** Sees outputs by the names of the modules. */
class NamedOutputTap : public OutputTap {
  public:
    explicit NamedOutputTap(const ModuleNames& norms) : norms_(norms) {}
    void on_output(const QuantizableLayer& layer, const torch::Tensor& output) override {
        see(layer.name(), output);
    }
    void on_norm_output(const torch::nn::Module& norm, const torch::Tensor& output) override {
        see(norms_.at(&norm), output);
    }

  protected:
    virtual void see(const std::string& name, const torch::Tensor& output) = 0;

  private:
    const ModuleNames& norms_;
};

/** Keeps the output of one layer or norm. */
class OneOutputTap : public NamedOutputTap {
  public:
    OneOutputTap(const ModuleNames& norms, const std::string& name)
        : NamedOutputTap(norms), name_(name) {}
    const torch::Tensor& output() const { return output_; }

  protected:
    void see(const std::string& name, const torch::Tensor& output) override {
        if (name == name_) output_ = output.clone();
    }

  private:
    const std::string& name_;
    torch::Tensor output_;
};

/** Keeps the names of layers and norms in the order in which they run. */
class OrderTap : public NamedOutputTap {
  public:
    using NamedOutputTap::NamedOutputTap;
    std::vector<std::string> names;

  protected:
    void see(const std::string& name, const torch::Tensor& /*output*/) override {
        names.push_back(name);
    }
};

}  // namespace

SideBySide::SideBySide(const Network& full_precision, const Network& quantized,
                       torch::Device device, std::filesystem::path spool, std::string doing,
                       const std::atomic<bool>& stop)
    : full_precision_(full_precision),
      quantized_(quantized),
      device_(device),
      spool_(std::move(spool)),
      doing_(std::move(doing)),
      stop_(stop) {
    for (const Network* network : {&full_precision, &quantized}) {
        for (const auto& item : network->named_modules("", /*include_self=*/false)) {
            names_[item.value().get()] = item.key();
        }
    }
}

void SideBySide::read(const ImageSet& images, const CalibrationImages& indices,
                      std::optional<uint64_t> augmentation_seed, BadImages& bad) {
    int64_t first = 0;
    const auto spool = [&](const std::vector<int64_t>& chosen, std::vector<int64_t>& batches) {
        LoaderOptions options(Consume::parallel);
        options.stop = &stop_;
        options.augmentation_seed = augmentation_seed;
        std::mutex mutex;
        const bool whole = for_each_batch(
            *images.source, chosen, images.preprocessing, images.batch_size, bad,
            [&](ImageBatch&& batch) {
                spool_.store(float_side, first + batch.batch, batch_pixels(batch));
                const std::lock_guard lock(mutex);
                batches.push_back(first + batch.batch);
            },
            options);
        if (!whole) throw Interrupted("interrupted while reading the calibration images");
        std::ranges::sort(batches);
        first += static_cast<int64_t>(chosen.size());
    };
    spool(indices.fitted, fitted_);
    spool(indices.held_out, held_out_);
    if (fitted_.empty()) {
        throw InputError("data.calibration: none of the {} images can be read",
                         indices.fitted.size());
    }
}

/** Before the networks differ both have the same activations, spooled once. */
torch::Tensor SideBySide::run_quantized(int64_t batch) const {
    const torch::InferenceMode inference;
    const char* side = spool_.contains(quantized_side, batch) ? quantized_side : float_side;
    return quantized_.blocks()[block_].forward(spool_.load(side, batch).to(device_));
}

torch::Tensor SideBySide::run_full_precision(int64_t batch) const {
    const torch::InferenceMode inference;
    return full_precision_.blocks()[block_].forward(spool_.load(float_side, batch).to(device_));
}

torch::Tensor SideBySide::logits_of(const Network& network, torch::Tensor activation) const {
    const torch::InferenceMode inference;
    for (std::size_t b = block_ + 1; b < network.blocks().size(); ++b) {
        activation = network.blocks()[b].forward(activation);
    }
    return activation;
}

torch::Tensor SideBySide::full_precision_logits(int64_t batch) const {
    return logits_of(full_precision_, run_full_precision(batch));
}

torch::Tensor SideBySide::quantized_logits(int64_t batch) const {
    return logits_of(quantized_, run_quantized(batch));
}

std::vector<std::string> SideBySide::order_of_execution() const {
    OrderTap tap(names_);
    const OutputTapScope scope(&tap);
    run_full_precision(fitted_.front());
    return tap.names;
}

ActivationPair SideBySide::inputs(const std::string& layer, int64_t batch) const {
    InputTap full_precision(layer), quantized(layer);
    {
        const TapScope scope(&full_precision);
        run_full_precision(batch);
    }
    if (!diverged_) return {full_precision.input(), full_precision.input()};
    const TapScope scope(&quantized);
    run_quantized(batch);
    return {full_precision.input(), quantized.input()};
}

ActivationPair SideBySide::outputs(const std::string& name, int64_t batch) const {
    OneOutputTap full_precision(names_, name), quantized(names_, name);
    {
        const OutputTapScope scope(&full_precision);
        run_full_precision(batch);
    }
    if (!diverged_) return {full_precision.output(), full_precision.output()};
    const OutputTapScope scope(&quantized);
    run_quantized(batch);
    return {full_precision.output(), quantized.output()};
}

void SideBySide::for_each(const std::vector<int64_t>& batches,
                          const std::function<void(int64_t batch)>& body) const {
    const auto guarded = [&](std::size_t i) {
        if (!stop_) body(batches[i]);
    };
    if (device_.is_cpu()) {
        tbb::parallel_for(std::size_t{0}, batches.size(), guarded);
    } else {
        for (std::size_t i = 0; i < batches.size(); ++i) guarded(i);
    }
    if (stop_) throw Interrupted("interrupted while {}", doing_);
}

void SideBySide::advance() {
    auto batches = fitted_;
    batches.insert(batches.end(), held_out_.begin(), held_out_.end());
    for_each(batches, [&](int64_t batch) {
        // The quantized side first: without a file of its own it still reads the other's.
        if (diverged_) spool_.store(quantized_side, batch, run_quantized(batch));
        spool_.store(float_side, batch, run_full_precision(batch));
    });
    ++block_;
}

}  // namespace comq
