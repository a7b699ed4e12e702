#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/network.hpp"
#include "results/run_record.hpp"

namespace comq {

/**
 * The grid of a quantized layer while it is trained: w = δ·f·(q + z + t) with codes q, and a factor
 * f and a shift t [out, groups] for scales δ and zero points z, 1 and 0 at the start. Their
 * gradients follow from the weight's, g: ∂f = Σ g·δ·(q + z + t) and ∂t = Σ g·δ·f, over the weights
 * of a channel and group.
 *
 * Codes stay, or follow positions p on the grid: q is the level nearest to p, and p has the
 * gradient that q would have, g·δ·f ("straight through", Esser et al., LSQ, ICLR 2020). A position
 * begins in the cell of its code, as close to the float weight as the cell reaches: codes are those
 * of the quantizer at first, and those that it rounded furthest change first.
 */
class TunedGrid {
  public:
    /**
     * Keeps layer and record. `parameter` is the network's, of which the layer's weight is a view.
     * One scale a layer has one factor and one shift.
     */
    TunedGrid(Observable& layer, LayerRecord& record, torch::Tensor parameter,
              bool one_scale_a_layer);

    /** Codes are trained from here on; `weight` is the layer's of full precision. */
    void free_codes(const torch::Tensor& weight);

    torch::Tensor& factor() { return factor_; }
    torch::Tensor& shift() { return shift_; }
    /** Undefined where codes stay. */
    torch::Tensor& position() { return position_; }
    const torch::Tensor& parameter() const { return parameter_; }

    /** Of the layer's, how many are others than at the start. */
    int64_t changed_codes() const { return (codes_ != first_codes_).sum().item<int64_t>(); }

    /** Of factor, shift and position, from that of `parameter()`, [its shape]. */
    void set_gradients(const torch::Tensor& gradient);
    /** The layer's weight and its record become those of factor and shift. */
    void install();

  private:
    /** Sums over the columns of a group, and over all when there is one scale a layer. */
    torch::Tensor summed(const torch::Tensor& values) const;

    Observable& layer_;
    LayerRecord& record_;
    bool one_scale_a_layer_;
    torch::Tensor parameter_;
    torch::Tensor first_codes_;
    torch::Tensor codes_;  ///< [out, groups, columns of a group]
    torch::Tensor scale_;  ///< [out, groups, 1], before
    torch::Tensor zero_point_;
    torch::Tensor factor_;  ///< [out, groups, 1], or [1, 1, 1]
    torch::Tensor shift_;
    torch::Tensor position_;  ///< [out, groups, columns of a group]
};

}  // namespace comq
