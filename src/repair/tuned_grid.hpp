#pragma once

#include "torch_bridge/torch.hpp"

#include "networks/network.hpp"
#include "results/run_record.hpp"

namespace comq {

/**
 * The grid of a quantized layer while it is trained: w = δ·f·(q + z + t) with codes q that stay,
 * and a factor f and a shift t [out, groups] for scales δ and zero points z, 1 and 0 at the start.
 * Their gradients follow from the weight's, g: ∂f = Σ g·δ·(q + z + t) and ∂t = Σ g·δ·f, over the
 * weights of a channel and group.
 */
class TunedGrid {
  public:
    /**
     * Keeps layer and record. `parameter` is the network's, of which the layer's weight is a view.
     * One scale a layer has one factor and one shift.
     */
    TunedGrid(Observable& layer, LayerRecord& record, torch::Tensor parameter,
              bool one_scale_a_layer);

    torch::Tensor& factor() { return factor_; }
    torch::Tensor& shift() { return shift_; }
    const torch::Tensor& parameter() const { return parameter_; }

    /** Of factor and shift, from that of `parameter()`, [its shape]. */
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
    torch::Tensor codes_;  ///< [out, groups, columns of a group]
    torch::Tensor scale_;  ///< [out, groups, 1], before
    torch::Tensor zero_point_;
    torch::Tensor factor_;  ///< [out, groups, 1], or [1, 1, 1]
    torch::Tensor shift_;
};

}  // namespace comq
