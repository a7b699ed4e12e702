#include "passes/side_by_side.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/errors.hpp"
#include "networks/output_tap.hpp"

namespace comq {

namespace {

/** Ends a pass whose activation was kept: what comes after it would be thrown away. */
struct PassEnded {};

using ModuleNames = std::unordered_map<const torch::nn::Module*, std::string>;

/** Keeps the input of one layer. */
class InputTap : public Tap {
  public:
    explicit InputTap(const std::string& layer) : layer_(layer) {}
    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        if (layer.name() == layer_) {
            input_ = input;
            throw PassEnded();
        }
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
        if (name == name_) {
            output_ = output;
            throw PassEnded();
        }
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

template <typename Pass>
void until_kept(const Pass& pass) {
    try {
        pass();
    } catch (const PassEnded&) {
        return;
    }
}

}  // namespace

SideBySide::SideBySide(const Network& full_precision, const Network& quantized,
                       const ImagePass& fitted, const std::vector<int64_t>& held_out,
                       std::filesystem::path spool, std::string doing)
    : full_precision_(full_precision),
      quantized_(quantized),
      device_(fitted.device),
      spool_(std::move(spool)),
      doing_(std::move(doing)),
      stop_(fitted.stop),
      fitted_(read(fitted, 0)),
      held_out_(read(fitted.over(held_out), fitted.count())) {
    if (fitted_.empty()) {
        throw InputError("data.calibration: none of the {} images can be read", fitted.count());
    }
    if (held_out_.empty() && !held_out.empty()) {
        throw InputError("data.calibration: none of the {} held-out images can be read",
                         held_out.size());
    }
    for (const Network* network : {&full_precision, &quantized}) {
        for (const auto& item : network->named_modules("", /*include_self=*/false)) {
            names_[item.value().get()] = item.key();
        }
    }
}

std::vector<int64_t> SideBySide::read(const ImagePass& pass, int64_t first) {
    std::vector<int64_t> batches;
    std::mutex mutex;
    ImagePass reading = pass;
    reading.device = torch::kCPU;
    reading.run("reading images", "reading the calibration images",
                [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                    const int64_t number = first + batch.batch;
                    spool_.store(float_side, number, pixels);
                    const std::lock_guard lock(mutex);
                    batches.push_back(number);
                    images_[number] = batch.indices;
                });
    std::ranges::sort(batches);
    return batches;
}

torch::Tensor SideBySide::run(const Network& network, int64_t batch) const {
    const torch::InferenceMode inference;
    // Before the networks differ both have the same activations, spooled once.
    const bool own = &network == &quantized_ && spool_.contains(quantized_side, batch);
    const auto activation = spool_.load(own ? quantized_side : float_side, batch);
    return network.blocks()[block_].forward(activation.to(device_));
}

torch::Tensor SideBySide::run_to_the_end(const Network& network, int64_t batch) const {
    const torch::InferenceMode inference;
    auto activation = run(network, batch);
    for (std::size_t next = block_ + 1; next < network.blocks().size(); ++next) {
        activation = network.blocks()[next].forward(activation);
    }
    return activation;
}

std::vector<std::string> SideBySide::order_of_execution() const {
    OrderTap tap(names_);
    const OutputTapScope scope(&tap);
    run(full_precision_, fitted_.front());
    return tap.names;
}

ActivationPair SideBySide::inputs(const std::string& layer, int64_t batch) const {
    const auto input = [&](const Network& network) {
        InputTap tap(layer);
        const TapScope scope(&tap);
        until_kept([&] { run(network, batch); });
        return tap.input();
    };
    const auto full_precision = input(full_precision_);
    return {full_precision, diverged_ ? input(quantized_) : full_precision};
}

ActivationPair SideBySide::outputs(const std::string& name, int64_t batch) const {
    const auto output = [&](const Network& network) {
        OneOutputTap tap(names_, name);
        const OutputTapScope scope(&tap);
        until_kept([&] { run(network, batch); });
        return tap.output();
    };
    const auto full_precision = output(full_precision_);
    return {full_precision, diverged_ ? output(quantized_) : full_precision};
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
        if (diverged_) spool_.store(quantized_side, batch, run(quantized_, batch));
        spool_.store(float_side, batch, run(full_precision_, batch));
    });
    ++block_;
}

}  // namespace comq
