#include "networks/norms.hpp"

#include <utility>

#include "networks/output_tap.hpp"

namespace comq {

namespace {

torch::Tensor tapped_output(const torch::nn::Module& norm, torch::Tensor output) {
    if (OutputTap* tap = current_output_tap()) tap->on_norm_output(norm, output);
    return output;
}

}  // namespace

torch::Tensor LayerNormImpl::forward(const torch::Tensor& input) {
    return tapped_output(*this, torch::nn::LayerNormImpl::forward(input));
}

BatchNorm2dImpl::BatchNorm2dImpl(const torch::nn::BatchNorm2dOptions& settings)
    : options(settings),
      weight(register_parameter("weight", torch::ones({settings.num_features()}))),
      bias(register_parameter("bias", torch::zeros({settings.num_features()}))),
      running_mean(register_buffer("running_mean", torch::zeros({settings.num_features()}))),
      running_var(register_buffer("running_var", torch::ones({settings.num_features()}))),
      num_batches_tracked(register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64))) {
}

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& input) {
    if (is_training()) num_batches_tracked.add_(1);
    return tapped_output(
        *this, torch::batch_norm(input, weight, bias, running_mean, running_var, is_training(),
                                 options.momentum().value(), options.eps(),
                                 at::globalContext().userEnabledCuDNN()));
}

}  // namespace comq
