#include "models/norms.hpp"

#include <utility>

#include "models/output_tap.hpp"

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

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& input) {
    return tapped_output(*this, torch::nn::BatchNorm2dImpl::forward(input));
}

}  // namespace comq
