#pragma once

#include "torch_bridge/torch.hpp"

#include <array>
#include <cstdint>

#include "networks/fused.hpp"
#include "networks/observable.hpp"
#include "networks/prepared_weight.hpp"

namespace comq {

/** A number for each axis of a map; one number stands for both. */
struct HeightWidth {
    int64_t height;
    int64_t width;

    constexpr HeightWidth(int64_t both) : height(both), width(both) {}
    constexpr HeightWidth(int64_t of_height, int64_t of_width)
        : height(of_height), width(of_width) {}

    bool operator==(const HeightWidth&) const = default;
    constexpr int64_t product() const { return height * width; }
    /** As LibTorch takes it. */
    constexpr std::array<int64_t, 2> array() const { return {height, width}; }
};

struct Conv2dOptions {
    HeightWidth kernel = 1;
    HeightWidth stride = 1;
    HeightWidth padding = 0;  ///< on both sides of an axis; ignored when `same_padding`
    HeightWidth dilation = 1;
    int64_t groups = 1;
    bool bias = true;
    bool same_padding = false;  ///< TensorFlow's "SAME": pads more below and right when odd

    bool operator==(const Conv2dOptions&) const = default;
};

/**
 * A Linear layer or a convolution, as calibration and quantization see it: `groups` matrix products
 * of rows `[N, m]` with a weight `[out / groups, m]`, transposed. Its weight is `[out, in]` or
 * `[out, in / groups, kh, kw]`; that of a program may be a strided view, and have other dimensions
 * that flatten to `[out, m]`. A 1-D convolution is one over maps of height 1.
 */
class QuantizableLayer : public Observable {
  public:
    const QuantizableLayer* layer() const override { return this; }
    /** How a convolution cuts its maps; null for a Linear layer. */
    virtual const Conv2dOptions* convolution() const { return nullptr; }
    virtual int64_t groups() const { return 1; }

    virtual int64_t out_features() const { return weight().size(0); }
    /** m, the inputs of one output channel: `in`, or `in / groups · kh · kw`. */
    int64_t in_features() const { return weight().numel() / out_features(); }

    /**
     * The rows that the layer multiplies, from its input of any batch shape: `[groups, N, m]`,
     * contiguous. A convolution's are its im2col patches, in the order of weight.view({out, m});
     * N = batch · output pixels, batch outermost.
     */
    virtual torch::Tensor rows(const torch::Tensor& input) const = 0;
};

/**
 * The outputs that belong to the rows, from a tensor that lies as the layer's output does:
 * `[groups, N, out_features / groups]`; with the outputs of each group in `parts` of one length,
 * `[groups · parts, N, out_features / groups / parts]`.
 */
torch::Tensor output_rows(const QuantizableLayer& layer, const torch::Tensor& output,
                          int64_t parts = 1);

/**
 * QuantizableLayer::rows of a Linear layer: its input is `[..., groups · in_features]`, the inputs
 * of a group side by side.
 */
torch::Tensor linear_rows(const torch::Tensor& input, int64_t groups, int64_t in_features);

/** QuantizableLayer::rows of a convolution; `in_features` is its m. */
torch::Tensor convolution_rows(const torch::Tensor& input, const Conv2dOptions& options,
                               int64_t in_features);

/**
 * y = x·Wᵀ + b over `[..., in]`; parameters `weight`, `bias` as in torch.nn.Linear. They start at
 * zero, as a convolution's do: a checkpoint or a training program sets them.
 */
class LinearImpl : public torch::nn::Module, public QuantizableLayer {
  public:
    LinearImpl(int64_t in_features, int64_t out_features, bool with_bias = true);
    torch::Tensor forward(const torch::Tensor& input) { return activated(input, Activation::none); }
    /** The activation of forward, in one pass over memory where that can be. */
    torch::Tensor activated(const torch::Tensor& input, Activation activation);
    /** stream + forward(input), in one pass over memory where that can be; taps learn of the sum.
     */
    torch::Tensor joined(const torch::Tensor& input, const torch::Tensor& stream);

    ObservableKind kind() const override { return ObservableKind::linear; }
    torch::Tensor rows(const torch::Tensor& input) const override;

  private:
    torch::Tensor fused(const torch::Tensor& input, const Epilogue& epilogue);

    PreparedWeight prepared_;
};
TORCH_MODULE(Linear);

/** 2-D convolution over `[B, C, H, W]`; parameters as in torch.nn.Conv2d. */
class Conv2dImpl : public torch::nn::Module, public QuantizableLayer {
  public:
    Conv2dImpl(int64_t in_channels, int64_t out_channels, const Conv2dOptions& options);
    torch::Tensor forward(const torch::Tensor& input) { return activated(input, Activation::none); }
    /** The activation of forward, in one pass over memory where that can be. */
    torch::Tensor activated(const torch::Tensor& input, Activation activation);
    /**
     * What fused kernels make of the input without a tap, by `make`'s weight and bias of this
     * shape, which it makes of `sources` (PreparedWeight).
     */
    torch::Tensor fused(const torch::Tensor& input, const std::vector<torch::Tensor>& sources,
                        const PreparedWeight::Make& make, const Epilogue& epilogue);

    ObservableKind kind() const override { return ObservableKind::convolution; }
    const Conv2dOptions* convolution() const override { return &options_; }
    int64_t groups() const override { return options_.groups; }
    torch::Tensor rows(const torch::Tensor& input) const override;

  private:
    Conv2dOptions options_;
    PreparedWeight prepared_;
};
TORCH_MODULE(Conv2d);

}  // namespace comq
