#include "repair/tuned_grid.hpp"

#include <cmath>
#include <utility>

#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

// How far a position lies from its code at most, at the start; the cell ends at one half. Closer to
// it, the first steps of Adam, which know signs alone, would change codes in masses.
constexpr double reach_in_cell = 0.4;

double highest_code(const LayerRecord& record) {
    return std::exp2(static_cast<double>(record.bits)) - 1.0;
}

}  // namespace

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
    first_codes_ = codes_ = grouped(record.bit_code);
    scale_ = grouped(record.scale);
    zero_point_ = grouped(record.zero_point);
    factor_ = torch::ones_like(one_scale_a_layer ? scale_.narrow(0, 0, 1) : scale_);
    shift_ = torch::zeros_like(factor_);
}

void TunedGrid::free_codes(const torch::Tensor& weight) {
    const torch::NoGradGuard no_gradient;
    const auto target = weight.to(scale_.device()).reshape(codes_.sizes()) / scale_ - zero_point_;
    position_ = codes_ + (target - codes_).clamp(-reach_in_cell, reach_in_cell);
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
    if (position_.defined()) position_.mutable_grad() = scaled * factor_;
}

torch::Tensor TunedGrid::summed(const torch::Tensor& values) const {
    if (one_scale_a_layer_) return values.sum({0, 1, 2}, /*keepdim=*/true);
    return values.sum(2, /*keepdim=*/true);
}

void TunedGrid::install() {
    const auto host = [](const torch::Tensor& values) {
        return to_host(values.squeeze(2).to(torch::kCPU).contiguous());
    };
    if (position_.defined()) {
        position_.clamp_(-reach_in_cell, highest_code(record_) + reach_in_cell);
        codes_ = position_.round();
        record_.bit_code =
            to_host(codes_.to(torch::kCPU, torch::kUInt8).view(record_.bit_code.shape));
    }
    record_.scale = host(scale_ * factor_);
    record_.zero_point = host(zero_point_ + shift_);
    const auto weight = dequantized(record_.bit_code, record_.scale, record_.zero_point);
    layer_.weight().copy_(weight.view(layer_.weight().sizes()));
}

}  // namespace comq
