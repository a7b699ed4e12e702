#pragma once

#include "torch_bridge/torch.hpp"

#include <ATen/core/stack.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "networks/layers.hpp"
#include "networks/observable.hpp"
#include "networks/programs/tensor_form.hpp"

namespace comq {

/** Where the node of a layer or norm has its tensors, and how taps are shown input and output. */
struct WatchedForm {
    Place input;
    std::optional<Place> weight = {};
    TensorForm shown_input = {};
    TensorForm shown_output = {};
};

/** The nodes of a program that use the parameters of one layer or norm. */
class WatchedCall {
  public:
    using Operation = std::function<void(torch::jit::Stack&)>;

    virtual ~WatchedCall() = default;
    virtual Observable& observable() = 0;
    virtual const Observable& observable() const = 0;
    /** Calls `operation` on its arguments on the stack, watched by this thread's tap. */
    virtual void call(torch::jit::Stack& stack, const WatchedForm& form,
                      const Operation& operation) const = 0;
    /** Counts one more node. */
    virtual void add_node() = 0;
};

/** A layer (`Base` is QuantizableLayer) or norm (Observable) of a program. */
template <typename Base>
class ProgramObservable : public Base, public WatchedCall {
  public:
    int calls() const override { return nodes_; }
    Observable& observable() override { return *this; }
    const Observable& observable() const override { return *this; }
    void add_node() override { ++nodes_; }

    void call(torch::jit::Stack& stack, const WatchedForm& form,
              const Operation& operation) const override {
        prepare(stack);
        if (form.weight) take_working_dtype(stack, form);
        if (!this->is_tapped()) {
            operation(stack);
            return;
        }
        const torch::Tensor input = form.input.get(stack);
        const auto used = this->tapped_input(form.shown_input.shown(input));
        form.input.set(stack, form.shown_input.hidden(used, input.sizes()));
        operation(stack);
        const torch::Tensor output = stack.at(0).toTensor();
        // What the tap has seen goes on, with the hooks that it may have.
        const auto seen = this->tapped_output(form.shown_output.shown(output));
        stack.at(0) = form.shown_output.hidden(seen, output.sizes());
    }

  protected:
    ProgramObservable(torch::Tensor weight, torch::Tensor bias) {
        this->weight_ = std::move(weight);
        this->bias_ = std::move(bias);
    }
    /** Changes arguments. */
    virtual void prepare(torch::jit::Stack& /*stack*/) const {}

  private:
    /** What a program makes of no tensor is float32, whatever the weights have become. */
    static void take_working_dtype(torch::jit::Stack& stack, const WatchedForm& form) {
        const auto dtype = form.weight->get(stack).scalar_type();
        const torch::Tensor input = form.input.get(stack);
        if (input.scalar_type() != dtype) form.input.set(stack, input.to(dtype));
    }

    int nodes_ = 0;
};

/** A product with a weight that is a parameter. */
class ProgramLinear final : public ProgramObservable<QuantizableLayer> {
  public:
    ProgramLinear(torch::Tensor weight, torch::Tensor bias, int64_t groups, int64_t out_features)
        : ProgramObservable(std::move(weight), std::move(bias)),
          groups_(groups),
          out_features_(out_features) {}
    ObservableKind kind() const override { return ObservableKind::linear; }
    int64_t groups() const override { return groups_; }
    int64_t out_features() const override { return out_features_; }
    torch::Tensor rows(const torch::Tensor& input) const override {
        return linear_rows(input, groups_, in_features());
    }

  private:
    int64_t groups_;
    int64_t out_features_;
};

/** A convolution whose weight is a parameter. */
class ProgramConvolution final : public ProgramObservable<QuantizableLayer> {
  public:
    ProgramConvolution(torch::Tensor weight, torch::Tensor bias, const Conv2dOptions& options)
        : ProgramObservable(std::move(weight), std::move(bias)), options_(options) {}
    ObservableKind kind() const override { return ObservableKind::convolution; }
    const Conv2dOptions* convolution() const override { return &options_; }
    int64_t groups() const override { return options_.groups; }
    torch::Tensor rows(const torch::Tensor& input) const override {
        return convolution_rows(input, options_, in_features());
    }

  private:
    Conv2dOptions options_;
};

/** A norm by statistics of each image or token, whose weight (and bias, if any) are parameters. */
class ProgramNorm final : public ProgramObservable<Observable> {
  public:
    ProgramNorm(ObservableKind kind, torch::Tensor weight, torch::Tensor bias)
        : ProgramObservable(std::move(weight), std::move(bias)), kind_(kind) {}
    ObservableKind kind() const override { return kind_; }

  private:
    ObservableKind kind_;
};

/** aten.batch_norm in evaluation mode, with running statistics; weight and bias may be missing. */
class ProgramBatchNorm final : public ProgramObservable<Observable> {
  public:
    ProgramBatchNorm(torch::Tensor weight, torch::Tensor bias, BatchStatistics statistics)
        : ProgramObservable(std::move(weight), std::move(bias)),
          statistics_(std::move(statistics)) {}
    ObservableKind kind() const override { return ObservableKind::batch_norm; }
    BatchStatistics* batch_statistics() override { return &statistics_; }

  protected:
    void prepare(torch::jit::Stack& stack) const override {
        if (!statistics_.of_each_batch) return;
        // With a momentum of 1 the statistics are those of the last batch.
        constexpr std::size_t training_place = 5, momentum_place = 6;
        stack.at(training_place) = true;
        stack.at(momentum_place) = 1.0;
    }

  private:
    BatchStatistics statistics_;
};

}  // namespace comq
