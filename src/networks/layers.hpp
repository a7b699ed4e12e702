#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace comq {

enum class LayerKind { linear, convolution };

class QuantizableLayer;

/**
 * What listens at the inputs of layers while a network runs. LibTorch's C++ modules have no
 * forward hooks; our layers call the tap of the running thread instead, so one network can run
 * on many threads at once with a tap each.
 */
class Tap {
  public:
    virtual ~Tap() = default;
    /** Sees the input of `layer` before the product; returns what the layer is to use. */
    virtual torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) = 0;
};

/** Installs `tap` (null: none) for the calling thread while it lives; scopes nest. */
class TapScope {
  public:
    explicit TapScope(Tap* tap);
    ~TapScope();
    TapScope(const TapScope&) = delete;
    TapScope& operator=(const TapScope&) = delete;

  private:
    Tap* previous_;
};

/** The calling thread's tap, or null. */
Tap* current_tap();

/**
 * Common face of Linear and Conv2d for calibration and quantization: `groups` matrix products of
 * rows `[N, m]` with a weight `[out / groups, m]`, transposed.
 */
class QuantizableLayer {
  public:
    virtual ~QuantizableLayer() = default;

    /** Path of the module in its network ("blocks.0.attn.qkv"); set by Network::add_block. */
    const std::string& name() const { return name_; }
    void set_name(std::string name) { name_ = std::move(name); }

    virtual LayerKind kind() const = 0;
    /** The parameter; `[out, in]` or `[out, in / groups, kh, kw]`. */
    torch::Tensor& weight() { return weight_; }
    const torch::Tensor& weight() const { return weight_; }
    /** The parameter `[out]`; an undefined tensor when the layer has none. */
    torch::Tensor& bias() { return bias_; }
    const torch::Tensor& bias() const { return bias_; }
    virtual int64_t groups() const { return 1; }

    int64_t out_features() const { return weight().size(0); }
    /** m, the inputs of one output channel: `in`, or `in / groups · kh · kw`. */
    int64_t in_features() const { return weight().numel() / weight().size(0); }

    /**
     * The rows that the layer multiplies, from its input of any batch shape: `[groups, N, m]`,
     * contiguous. A convolution's are its im2col patches, in the order of weight.view({out, m});
     * N = batch · output pixels, batch outermost.
     */
    virtual torch::Tensor rows(const torch::Tensor& input) const = 0;

  protected:
    /** Calls the tap of this thread, if any. */
    torch::Tensor tapped(const torch::Tensor& input) const {
        Tap* tap = current_tap();
        return tap == nullptr ? input : tap->on_input(*this, input);
    }

    // Registered by the module that the layer is.
    torch::Tensor weight_;
    torch::Tensor bias_;

  private:
    std::string name_;
};

/**
 * y = x·Wᵀ + b over `[..., in]`; parameters `weight`, `bias` as in torch.nn.Linear. They start at
 * zero, as a convolution's do: a checkpoint or a training program sets them.
 */
class LinearImpl : public torch::nn::Module, public QuantizableLayer {
  public:
    LinearImpl(int64_t in_features, int64_t out_features, bool with_bias = true);
    torch::Tensor forward(const torch::Tensor& input);

    LayerKind kind() const override { return LayerKind::linear; }
    torch::Tensor rows(const torch::Tensor& input) const override;
};
TORCH_MODULE(Linear);

struct Conv2dOptions {
    int64_t kernel = 1;
    int64_t stride = 1;
    int64_t padding = 0;  ///< on every side; ignored when `same_padding`
    int64_t dilation = 1;
    int64_t groups = 1;
    bool bias = true;
    bool same_padding = false;  ///< TensorFlow's "SAME": pads more below and right when odd
};

/** 2-D convolution over `[B, C, H, W]`; parameters as in torch.nn.Conv2d. */
class Conv2dImpl : public torch::nn::Module, public QuantizableLayer {
  public:
    Conv2dImpl(int64_t in_channels, int64_t out_channels, const Conv2dOptions& options);
    torch::Tensor forward(const torch::Tensor& input);

    LayerKind kind() const override { return LayerKind::convolution; }
    int64_t groups() const override { return options_.groups; }
    const Conv2dOptions& options() const { return options_; }
    torch::Tensor rows(const torch::Tensor& input) const override;

  private:
    torch::Tensor same_padded(const torch::Tensor& input) const;
    int64_t symmetric_padding() const { return options_.same_padding ? 0 : options_.padding; }

    Conv2dOptions options_;
};
TORCH_MODULE(Conv2d);

}  // namespace comq
