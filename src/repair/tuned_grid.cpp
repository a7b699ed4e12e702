#include "repair/tuned_grid.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

// How far a position lies from its code at most, at the start; the cell ends at one half. Closer to
// it, the first steps of Adam, which know signs alone, would change codes in masses.
constexpr double reach_in_cell = 0.4;

// As in quantization/learned_rounding.hpp: h reaches beyond 0 and 1, where a code is decided and
// has no gradient any more, and begins at least this far inside, on the side of the layer's code.
constexpr double stretch = 1.2;
constexpr double overhang = 0.1;
constexpr double least_height = 0.01;
constexpr double margin_of_start = 0.1;

struct Heights {
    torch::Tensor h;
    torch::Tensor slope;  ///< dh/dp
};
Heights heights(const torch::Tensor& position) {
    const auto sigma = position.sigmoid();
    const auto h = stretch * sigma - overhang;
    const auto inside = (h > 0.0).logical_and(h < 1.0);
    return {h.clamp(0.0, 1.0), inside * (stretch * sigma * (1.0 - sigma))};
}

double highest_code(const LayerRecord& record) {
    return std::exp2(static_cast<double>(record.bits)) - 1.0;
}

}  // namespace

TunedGrid::TunedGrid(QuantizableLayer& layer, LayerRecord& record, torch::Tensor parameter,
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

void TunedGrid::learn_rounding(const torch::Tensor& weight) {
    const torch::NoGradGuard no_gradient;
    const auto target = weight.to(scale_.device()).reshape(codes_.sizes()) / scale_ - zero_point_;
    lower_ =
        torch::where(target < codes_, codes_ - 1.0, codes_).clamp(0.0, highest_code(record_) - 1.0);
    const auto distance = target - lower_;
    const auto begin = torch::where(codes_ > lower_, distance.clamp_min(0.5 + margin_of_start),
                                    distance.clamp_max(0.5 - margin_of_start))
                           .clamp(least_height, 1.0 - least_height);
    position_ = torch::logit((begin + overhang) / stretch);
}

void TunedGrid::regularize(double strength, double exponent) {
    const torch::NoGradGuard no_gradient;
    const auto [h, slope] = heights(position_);
    const auto centred = 2.0 * h - 1.0;
    position_.mutable_grad() +=
        (-2.0 * strength * exponent) * centred.sign() * centred.abs().pow(exponent - 1.0) * slope;
}

void TunedGrid::decide() {
    const torch::NoGradGuard no_gradient;
    codes_ = lower_ + (position_ >= 0.0).to(torch::kFloat);
    record_.bit_code = to_host(codes_.to(torch::kCPU, torch::kUInt8).view(record_.bit_code.shape));
    position_ = lower_ = torch::Tensor();
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
    if (lower_.defined()) {
        position_.mutable_grad() = scaled * factor_ * heights(position_).slope;
    } else if (position_.defined()) {
        position_.mutable_grad() = scaled * factor_;
    }
}

torch::Tensor TunedGrid::summed(const torch::Tensor& values) const {
    if (one_scale_a_layer_) return values.sum({0, 1, 2}, /*keepdim=*/true);
    return values.sum(2, /*keepdim=*/true);
}

void TunedGrid::install() {
    const auto host = [](const torch::Tensor& values) {
        return to_host(values.squeeze(2).to(torch::kCPU).contiguous());
    };
    if (lower_.defined()) {
        codes_ = lower_ + heights(position_).h;
        const auto weight = scale_ * factor_ * (codes_ + zero_point_ + shift_);
        layer_.weight().copy_(weight.view(layer_.weight().sizes()));
        return;
    }
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

void TunedGrid::restore(const LayerRecord& record) {
    record_.bit_code = record.bit_code;
    record_.scale = record.scale;
    record_.zero_point = record.zero_point;
    const auto weight = dequantized(record_.bit_code, record_.scale, record_.zero_point);
    layer_.weight().copy_(weight.view(layer_.weight().sizes()));
}

std::list<TunedGrid> tuned_grids(Network& network, std::vector<LayerRecord>& records,
                                 bool one_scale_a_layer, std::optional<std::size_t> block) {
    std::list<TunedGrid> grids;
    for (const auto& entry : network.layers()) {
        if (block && entry.block != *block) continue;
        const auto record = std::ranges::find(records, entry.layer->name(), &LayerRecord::name);
        if (record == records.end()) continue;
        for (torch::Tensor& parameter : network.parameters()) {
            if (!parameter.is_alias_of(entry.layer->weight())) continue;
            parameter.requires_grad_(true);
            grids.emplace_back(*entry.layer, *record, parameter, one_scale_a_layer);
            break;
        }
    }
    return grids;
}

}  // namespace comq
