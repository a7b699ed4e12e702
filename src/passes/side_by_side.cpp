#include "passes/side_by_side.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "passes/by_few_images.hpp"

namespace comq {

namespace {

constexpr double least_scale = 1e-6;  ///< of a channel before a sum, of the largest

/** Keeps the activations of one layer or norm; what comes after them would be thrown away. */
class KeepingTap : public Tap {
  public:
    KeepingTap(const std::string& name, bool output) : name_(name), output_(output) {}

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        if (!output_) keep(observed, input);
        return input;
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        if (output_) keep(observed, output);
    }
    bool done() const override { return calls_ > 0 && std::ssize(kept) == calls_; }

    std::vector<torch::Tensor> kept;

  private:
    void keep(const Observable& observed, const torch::Tensor& activation) {
        if (observed.name() != name_) return;
        calls_ = observed.calls();
        kept.push_back(activation);
    }

    const std::string& name_;
    bool output_;
    int calls_ = 0;
};

/** Keeps what one layer takes in, and the streams that its output is added to. */
class SumTap : public StreamTap {
  public:
    explicit SumTap(const std::string& name) : name_(name) {}

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        if (observed.name() == name_) {
            calls_ = observed.calls();
            inputs.push_back(input);
        }
        return input;
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        if (observed.name() != name_) return;
        output_sizes_ = output.sizes().vec();
        ++outputs_;
    }
    void on_sum(const Observable& observed, const ResidualSum& sum) override {
        if (observed.name() != name_) return;
        streams.push_back(in_units_of_output(observed, sum));
    }
    bool done() const override {
        return calls_ > 0 && outputs_ == calls_ && std::ssize(streams) == calls_;
    }
    /** Of as many sums as calls, and of streams that lie as the outputs do. */
    void check() const {
        COMQ_CHECK(done());
        for (const auto& stream : streams) COMQ_CHECK(stream.sizes() == output_sizes_);
    }

    std::vector<torch::Tensor> inputs;
    std::vector<torch::Tensor> streams;

  private:
    /** s·y + x is s·(y + x/s); a channel with s = 0 can't make up for anything. */
    static torch::Tensor in_units_of_output(const Observable& observed, const ResidualSum& sum) {
        if (!sum.scale.defined()) return sum.stream;
        std::vector<int64_t> along_channels(static_cast<std::size_t>(sum.stream.dim()), 1);
        along_channels.at(observed.channel_axis() < 0 ? along_channels.size() - 1 : 1) = -1;
        const auto scale = sum.scale.view(along_channels);
        const auto ignored = scale.abs() <= least_scale * scale.abs().max();
        return (sum.stream / scale).masked_fill(ignored, 0.0);
    }

    const std::string& name_;
    int calls_ = 0;
    int outputs_ = 0;
    std::vector<int64_t> output_sizes_;
};

/** Counts the calls of each layer, and the sums that their outputs end in. */
class SumCounter : public StreamTap {
  public:
    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        if (observed.layer() != nullptr) ++counts_[observed.name()].calls;
        return input;
    }
    void on_sum(const Observable& observed, const ResidualSum& /*sum*/) override {
        ++counts_[observed.name()].sums;
    }
    std::set<std::string> names() const {
        std::set<std::string> always;
        for (const auto& [name, count] : counts_) {
            if (count.calls == count.sums) always.insert(name);
        }
        return always;
    }

  private:
    struct Count {
        int calls = 0;
        int sums = 0;
    };
    std::map<std::string, Count> counts_;
};

/** Keeps the names of layers and norms in the order in which they run. */
class OrderTap : public Tap {
  public:
    void on_output(const Observable& observed, const torch::Tensor& /*output*/) override {
        if (std::ranges::find(names, observed.name()) == names.end()) {
            names.push_back(observed.name());
        }
    }
    std::vector<std::string> names;
};

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
    if (fitted_.empty() && fitted.count() > 0) {
        throw InputError("data.calibration: none of the {} images can be read", fitted.count());
    }
    if (held_out_.empty() && !held_out.empty()) {
        throw InputError("data.calibration: none of the {} held-out images can be read",
                         held_out.size());
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

torch::Tensor SideBySide::run(const Network& network, int64_t batch, std::size_t to,
                              Tap* tap) const {
    const torch::InferenceMode inference;
    // Before the networks differ both have the same activations, spooled once.
    const bool own = &network == &quantized_ && spool_.contains(quantized_side, batch);
    const auto activation = spool_.load(own ? quantized_side : float_side, batch).to(device_);
    const bool of_images = activation.size(0) == std::ssize(images_.at(batch));
    return tap == nullptr && of_images ? run_by_few_images(network, activation, step_, to)
                                       : network.run_steps(activation, step_, to, tap);
}

std::vector<std::string> SideBySide::order_of_execution() const {
    OrderTap tap;
    run(full_precision_, fitted_.front(), step_ + 1, &tap);
    return tap.names;
}

std::set<std::string> SideBySide::layers_in_sums() const {
    SumCounter tap;
    run(full_precision_, fitted_.front(), step_ + 1, &tap);
    return tap.names();
}

std::vector<SummedPair> SideBySide::inputs_and_streams(const std::string& layer,
                                                       int64_t batch) const {
    SumTap exact(layer), quantized(layer);
    run(full_precision_, batch, step_ + 1, &exact);
    run(quantized_, batch, step_ + 1, &quantized);
    exact.check();
    quantized.check();
    COMQ_CHECK(exact.inputs.size() == quantized.inputs.size());
    std::vector<SummedPair> pairs;
    for (std::size_t i = 0; i < exact.inputs.size(); ++i) {
        pairs.push_back(
            {{exact.inputs[i], quantized.inputs[i]}, {exact.streams[i], quantized.streams[i]}});
    }
    return pairs;
}

std::vector<ActivationPair> SideBySide::kept(const std::string& name, bool output,
                                             int64_t batch) const {
    const auto kept_of = [&](const Network& network) {
        KeepingTap tap(name, output);
        run(network, batch, step_ + 1, &tap);
        return std::move(tap.kept);
    };
    const auto full_precision = kept_of(full_precision_);
    const auto quantized = diverged_ ? kept_of(quantized_) : full_precision;
    COMQ_CHECK(full_precision.size() == quantized.size());
    std::vector<ActivationPair> pairs;
    for (std::size_t i = 0; i < quantized.size(); ++i) {
        pairs.push_back({full_precision[i], quantized[i]});
    }
    return pairs;
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

int SideBySide::batches_at_once() const {
    return device_.is_cpu() ? tbb::this_task_arena::max_concurrency() : 1;
}

void SideBySide::advance_to(std::size_t step) {
    if (step == step_) return;
    auto batches = fitted_;
    batches.insert(batches.end(), held_out_.begin(), held_out_.end());
    for_each(batches, [&](int64_t batch) {
        // The quantized side first: without a file of its own it still reads the other's.
        if (diverged_) spool_.store(quantized_side, batch, run(quantized_, batch, step));
        spool_.store(float_side, batch, run(full_precision_, batch, step));
    });
    step_ = step;
}

double two_networks_forwards(const Network& network, int64_t observed) {
    const auto steps = static_cast<double>(network.steps());
    return 2.0 * (static_cast<double>(observed) + steps) / steps;
}

}  // namespace comq
