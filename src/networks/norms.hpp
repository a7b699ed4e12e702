#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/observable.hpp"

namespace comq {

/** Over the last dimension, `dim` long; parameters as in torch.nn.LayerNorm. */
class LayerNormImpl : public torch::nn::Module, public Observable {
  public:
    LayerNormImpl(int64_t dim, double eps);
    torch::Tensor forward(const torch::Tensor& input);

    ObservableKind kind() const override { return ObservableKind::layer_norm; }

  private:
    double eps_;
};
TORCH_MODULE(LayerNorm);

/** Over `[B, channels, H, W]`; parameters and buffers as in torch.nn.BatchNorm2d. */
class BatchNorm2dImpl : public torch::nn::Module, public Observable {
  public:
    explicit BatchNorm2dImpl(int64_t channels, double eps = 1e-5);
    torch::Tensor forward(const torch::Tensor& input);

    ObservableKind kind() const override { return ObservableKind::batch_norm; }
    BatchStatistics* batch_statistics() override { return &statistics_; }
    /** Whether it normalises each batch by statistics of its own, not by those that it has. */
    bool uses_batch_statistics() const { return is_training() || statistics_.of_each_batch; }

  private:
    BatchStatistics statistics_;
    torch::Tensor num_batches_tracked_;
};
TORCH_MODULE(BatchNorm2d);

/** γ/√(σ² + ε) of a BatchNorm, `[channels]`: what it multiplies its input by. */
torch::Tensor batch_norm_scale(const Observable& norm);

}  // namespace comq
