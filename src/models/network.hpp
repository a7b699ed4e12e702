#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "image/preprocessing.hpp"
#include "models/layers.hpp"

namespace comq {

/** A stretch of a network between two cut points, from one tensor to one tensor. */
struct Block {
    std::string name;
    std::function<torch::Tensor(torch::Tensor)> forward;
};

/**
 * A classification network as an ordered list of blocks: `forward` runs them all, calibration
 * stops after the last one it needs, error propagation works on one at a time.
 */
class Network : public torch::nn::Module {
  public:
    /** Images `[B, 3, H, W]` to logits `[B, classes]`. */
    torch::Tensor forward(const torch::Tensor& images);

    /** The cut points in order; the last block ends in logits. */
    virtual std::vector<Block> blocks() = 0;

    /**
     * The quantizable layers in forward order, the head and patch embedding included, named by
     * their paths. `block` is the index in blocks() of the block that runs the layer.
     */
    struct LayerEntry {
        QuantizableLayer* layer;
        std::size_t block;
        bool quantized_by_default;  ///< DESIGN §3's scope: false for the classifier and a ViT's stem
    };
    const std::vector<LayerEntry>& layers();

  protected:
    /** Registers `layer` in forward order while the network is built. */
    void add_layer(QuantizableLayer& layer, std::size_t block, bool quantized_by_default);

  private:
    std::vector<LayerEntry> layers_;
    bool named_ = false;
};

}  // namespace comq
