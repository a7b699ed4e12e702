#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/layers.hpp"

namespace comq {

/** What listens at the outputs of layers and norms while a network runs on the calling thread. */
class OutputTap {
  public:
    virtual ~OutputTap() = default;
    /** Sees the output of `layer` just after the product, before anything else is done with it. */
    virtual void on_output(const QuantizableLayer& layer, const torch::Tensor& output) = 0;
    /** Sees the output of a norm of networks/norms.hpp. */
    virtual void on_norm_output(const torch::nn::Module& norm, const torch::Tensor& output) {
        (void)norm;
        (void)output;
    }
};

/** Installs `tap` (null: none) for the calling thread while it lives; scopes nest. */
class OutputTapScope {
  public:
    explicit OutputTapScope(OutputTap* tap);
    ~OutputTapScope();
    OutputTapScope(const OutputTapScope&) = delete;
    OutputTapScope& operator=(const OutputTapScope&) = delete;

  private:
    OutputTap* previous_;
};

/** The calling thread's tap, or null. */
OutputTap* current_output_tap();

}  // namespace comq
