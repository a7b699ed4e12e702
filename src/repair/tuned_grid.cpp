#include "repair/tuned_grid.hpp"

#include <utility>

#include "torch_bridge/bridge.hpp"

namespace comq {

TunedGrid::TunedGrid(Observable& layer, LayerRecord& record, torch::Tensor parameter,
                     bool one_scale_a_layer)
    : layer_(layer),
      record_(record),
      one_scale_a_layer_(one_scale_a_layer),
      parameter_(std::move(parameter)) {
    const int64_t out = record.scale.shape.at(0), groups = record.scale.shape.at(1);
    const auto grouped = [&](const HostTensor& values) {
        return to_float(values).to(layer.weight().device()).view({out, groups, -1}).clone();
    };
    codes_ = grouped(record.bit_code);
    scale_ = grouped(record.scale);
    zero_point_ = grouped(record.zero_point);
    factor_ = torch::ones_like(one_scale_a_layer ? scale_.narrow(0, 0, 1) : scale_);
    shift_ = torch::zeros_like(factor_);
}

void TunedGrid::set_gradients(const torch::Tensor& gradient) {
    const torch::Tensor& weight = layer_.weight();
    // Seen as the layer sees the parameter: transposed, or in another order.
    auto laid_out = torch::empty_like(parameter_).copy_(gradient);
    laid_out = laid_out.as_strided(weight.sizes(), weight.strides(),
                                   weight.storage_offset() - parameter_.storage_offset());
    const auto scaled = laid_out.reshape(codes_.sizes()) * scale_;
    factor_.mutable_grad() = summed(scaled * (codes_ + zero_point_ + shift_));
    shift_.mutable_grad() = summed(scaled * factor_);
}

torch::Tensor TunedGrid::summed(const torch::Tensor& values) const {
    if (one_scale_a_layer_) return values.sum({0, 1, 2}, /*keepdim=*/true);
    return values.sum(2, /*keepdim=*/true);
}

void TunedGrid::install() {
    const auto host = [](const torch::Tensor& values) {
        return to_host(values.squeeze(2).to(torch::kCPU).contiguous());
    };
    record_.scale = host(scale_ * factor_);
    record_.zero_point = host(zero_point_ + shift_);
    const auto weight = dequantized(record_.bit_code, record_.scale, record_.zero_point);
    layer_.weight().copy_(weight.view(layer_.weight().sizes()));
}

}  // namespace comq
