#pragma once

#include "torch_bridge/torch.hpp"

#include <ATen/core/stack.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "networks/layers.hpp"
#include "networks/observable.hpp"

namespace comq {

/** The nodes of a program that use the parameters of one layer or norm. */
class WatchedCall {
  public:
    using Operation = std::function<void(torch::jit::Stack&)>;

    virtual ~WatchedCall() = default;
    virtual Observable& observable() = 0;
    /** Calls `operation` on its arguments on the stack, watched by this thread's tap. */
    virtual void call(torch::jit::Stack& stack, const Operation& operation) const = 0;
    /** Counts one more node. */
    virtual void add_node() = 0;
};

/** A layer (`Base` is QuantizableLayer) or norm (Observable) of a program. */
template <typename Base>
class ProgramObservable : public Base, public WatchedCall {
  public:
    int calls() const override { return nodes_; }
    Observable& observable() override { return *this; }
    void add_node() override { ++nodes_; }

    void call(torch::jit::Stack& stack, const Operation& operation) const override {
        stack.at(0) = this->tapped_input(stack.at(0).toTensor());
        // As they are now: a method may have put another tensor in their place.
        stack.at(weight_place_) = this->weight_;
        if (this->bias_.defined()) stack.at(weight_place_ + 1) = this->bias_;
        prepare(stack);
        operation(stack);
        stack.at(0) = this->tapped_output(stack.at(0).toTensor());
    }

  protected:
    /** `weight_place`: that of the weight among the operator's arguments; the bias follows. */
    ProgramObservable(torch::Tensor weight, torch::Tensor bias, std::size_t weight_place)
        : weight_place_(weight_place) {
        this->weight_ = std::move(weight);
        this->bias_ = std::move(bias);
    }
    /** Changes further arguments. */
    virtual void prepare(torch::jit::Stack& /*stack*/) const {}

  private:
    std::size_t weight_place_;
    int nodes_ = 0;
};

/** aten.linear whose weight is a parameter. */
class ProgramLinear final : public ProgramObservable<QuantizableLayer> {
  public:
    ProgramLinear(torch::Tensor weight, torch::Tensor bias)
        : ProgramObservable(std::move(weight), std::move(bias), 1) {}
    ObservableKind kind() const override { return ObservableKind::linear; }
    torch::Tensor rows(const torch::Tensor& input) const override {
        return linear_rows(input, in_features());
    }
};

/** aten.conv2d whose weight is a parameter. */
class ProgramConvolution final : public ProgramObservable<QuantizableLayer> {
  public:
    ProgramConvolution(torch::Tensor weight, torch::Tensor bias, const Conv2dOptions& options)
        : ProgramObservable(std::move(weight), std::move(bias), 1), options_(options) {}
    ObservableKind kind() const override { return ObservableKind::convolution; }
    const Conv2dOptions* convolution() const override { return &options_; }
    int64_t groups() const override { return options_.groups; }
    torch::Tensor rows(const torch::Tensor& input) const override {
        return convolution_rows(input, options_, in_features());
    }

  private:
    Conv2dOptions options_;
};

/** aten.layer_norm over the last dimension, with parameters. */
class ProgramLayerNorm final : public ProgramObservable<Observable> {
  public:
    ProgramLayerNorm(torch::Tensor weight, torch::Tensor bias)
        : ProgramObservable(std::move(weight), std::move(bias), 2) {}
    ObservableKind kind() const override { return ObservableKind::layer_norm; }
};

/** aten.batch_norm in evaluation mode, with parameters and running statistics. */
class ProgramBatchNorm final : public ProgramObservable<Observable> {
  public:
    ProgramBatchNorm(torch::Tensor weight, torch::Tensor bias, BatchStatistics statistics)
        : ProgramObservable(std::move(weight), std::move(bias), 1),
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
