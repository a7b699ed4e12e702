#pragma once

#include "torch_bridge/torch.hpp"

#include <list>
#include <optional>
#include <string>
#include <vector>

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
 *
 * Or their rounding is learned as AdaRound's (arXiv 2004.10568): q is l + h between a code l and
 * the next, h = clip(1.2·σ(p) − 0.1, 0, 1), one of both being the layer's code and the other on the
 * float weight's side of it. While that lasts q is no whole number, and the record keeps its codes.
 */
class TunedGrid {
  public:
    /**
     * Keeps layer and record. `parameter` is the network's, of which the layer's weight is a view.
     * One scale a layer has one factor and one shift.
     */
    TunedGrid(QuantizableLayer& layer, LayerRecord& record, torch::Tensor parameter,
              bool one_scale_a_layer);

    /** Codes are trained from here on; `weight` is the layer's of full precision. */
    void free_codes(const torch::Tensor& weight);
    /** Their rounding is learned from here on, until decide(); `weight` as above. */
    void learn_rounding(const torch::Tensor& weight);
    /** Adds the gradient of `strength`·Σ(1 − |2h − 1|^exponent) to that of the positions. */
    void regularize(double strength, double exponent);
    /** Each code becomes the one that its h is nearer to, in the record as well, and stays. */
    void decide();
    /** Layer and record become what they were when `record` was copied. */
    void restore(const LayerRecord& record);

    torch::Tensor& factor() { return factor_; }
    torch::Tensor& shift() { return shift_; }
    const QuantizableLayer& layer() const { return layer_; }
    /** Undefined where codes stay. */
    torch::Tensor& position() { return position_; }
    const torch::Tensor& parameter() const { return parameter_; }

    /** Of the layer's, how many are others than at the start. */
    int64_t changed_codes() const { return (codes_ != first_codes_).sum().item<int64_t>(); }

    /** Of factor, shift and position, from that of `parameter()`, [its shape]. */
    void set_gradients(const torch::Tensor& gradient);
    /** The layer's weight and, unless rounding is being learned, its record become those of factor,
     *  shift and codes. */
    void install();

  private:
    /** Sums over the columns of a group, and over all when there is one scale a layer. */
    torch::Tensor summed(const torch::Tensor& values) const;

    QuantizableLayer& layer_;
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
    torch::Tensor lower_;     ///< l; defined while rounding is learned
};

/**
 * The grids of those layers that have a record, of one block or of all; their parameters want
 * gradients from then on. Keeps network and records.
 */
std::list<TunedGrid> tuned_grids(Network& network, std::vector<LayerRecord>& records,
                                 bool one_scale_a_layer, std::optional<std::size_t> block = {});

}  // namespace comq
