#include "networks/norms.hpp"

namespace comq {

LayerNormImpl::LayerNormImpl(int64_t dim, double eps) : eps_(eps) {
    weight_ = register_parameter("weight", torch::ones({dim}));
    bias_ = register_parameter("bias", torch::zeros({dim}));
}

torch::Tensor LayerNormImpl::forward(const torch::Tensor& input) {
    return tapped_output(
        torch::layer_norm(tapped_input(input), weight_.sizes(), weight_, bias_, eps_));
}

BatchNorm2dImpl::BatchNorm2dImpl(int64_t channels, double eps) {
    weight_ = register_parameter("weight", torch::ones({channels}));
    bias_ = register_parameter("bias", torch::zeros({channels}));
    statistics_ = {register_buffer("running_mean", torch::zeros({channels})),
                   register_buffer("running_var", torch::ones({channels})), eps};
    num_batches_tracked_ = register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64));
}

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& input) {
    if (is_training()) num_batches_tracked_.add_(1);
    // With a momentum of 1 the statistics are those of the last batch.
    const double momentum = statistics_.of_each_batch ? 1.0 : 0.1;
    return tapped_output(torch::batch_norm(tapped_input(input), weight_, bias_, statistics_.mean,
                                           statistics_.variance, uses_batch_statistics(), momentum,
                                           statistics_.eps,
                                           at::globalContext().userEnabledCuDNN()));
}

torch::Tensor batch_norm_scale(const Observable& norm) {
    const BatchStatistics& statistics = *norm.statistics();
    const auto inverse = (statistics.variance + statistics.eps).rsqrt();
    return norm.weight().defined() ? norm.weight() * inverse : inverse;
}

}  // namespace comq
