#include "networks/families/efficientnet_lite.hpp"

#include <torch/nn/modules/container/modulelist.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "networks/conv_norm.hpp"

namespace comq {

namespace {

constexpr double norm_eps = 1e-3;

/** The multiple of 8 nearest to channels · width, but never more than 10% below it. */
int64_t scaled_channels(int64_t channels, double width) {
    constexpr int64_t divisor = 8;
    const double scaled = static_cast<double>(channels) * width;
    const auto nearest =
        std::max(divisor, static_cast<int64_t>(scaled + divisor / 2.0) / divisor * divisor);
    return static_cast<double>(nearest) < 0.9 * scaled ? nearest + divisor : nearest;
}

/** Mobile inverted bottleneck: expand (if wider), depthwise, project. */
class MbConvImpl : public torch::nn::Module {
  public:
    MbConvImpl(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride,
               int64_t expansion)
        : residual_(stride == 1 && in_channels == out_channels) {
        const int64_t hidden = in_channels * expansion;
        const Conv2dOptions pointwise{.bias = false, .same_padding = true};
        const Conv2dOptions depthwise{.kernel = kernel,
                                      .stride = stride,
                                      .groups = hidden,
                                      .bias = false,
                                      .same_padding = true};
        if (expansion != 1) {
            expand_ = register_module("_expand_conv", Conv2d(in_channels, hidden, pointwise));
            expand_norm_ = register_module("_bn0", batch_norm(hidden, norm_eps));
        }
        depthwise_ = register_module("_depthwise_conv", Conv2d(hidden, hidden, depthwise));
        depthwise_norm_ = register_module("_bn1", batch_norm(hidden, norm_eps));
        project_ = register_module("_project_conv", Conv2d(hidden, out_channels, pointwise));
        project_norm_ = register_module("_bn2", batch_norm(out_channels, norm_eps));
    }

    torch::Tensor forward(const torch::Tensor& input) {
        torch::Tensor x = input;
        if (!expand_.is_empty()) {
            x = activate(expand_norm_->forward(expand_->forward(x)), Activation::relu6);
        }
        x = activate(depthwise_norm_->forward(depthwise_->forward(x)), Activation::relu6);
        x = project_norm_->forward(project_->forward(x));
        return residual_ ? x + input : x;
    }

  private:
    bool residual_;
    Conv2d expand_{nullptr};
    BatchNorm2d expand_norm_{nullptr};
    Conv2d depthwise_{nullptr};
    BatchNorm2d depthwise_norm_{nullptr};
    Conv2d project_{nullptr};
    BatchNorm2d project_norm_{nullptr};
};
TORCH_MODULE(MbConv);

class EfficientNetLite : public Network {
  public:
    explicit EfficientNetLite(const EfficientNetLiteConfig& config) {
        constexpr int64_t stem_channels = 32;
        constexpr int64_t head_channels = 1280;
        add_convolution("_conv_stem", "_bn0", 3, stem_channels,
                        {.kernel = 3, .stride = 2, .bias = false, .same_padding = true});
        const int64_t channels = add_stages(stem_channels, config);
        add_convolution("_conv_head", "_bn1", channels, head_channels,
                        {.bias = false, .same_padding = true});
        auto head = register_module("_fc", Linear(head_channels, config.classes));
        add_block("_fc", {head}, Scope::kept, [head](torch::Tensor x) {
            return head->forward(x.mean({2, 3}));
        });
    }

  private:
    void add_convolution(const std::string& name, const std::string& norm_name, int64_t in_channels,
                         int64_t out_channels, const Conv2dOptions& options) {
        auto conv = register_module(name, Conv2d(in_channels, out_channels, options));
        auto norm = register_module(norm_name, batch_norm(out_channels, norm_eps));
        add_block(name, {conv}, Scope::quantized, [conv, norm](torch::Tensor x) {
            return activate(norm->forward(conv->forward(x)), Activation::relu6);
        });
    }

    /** The channels after the last stage. */
    int64_t add_stages(int64_t channels, const EfficientNetLiteConfig& config) {
        struct Stage {
            int64_t repeats, kernel, stride, expansion, channels;
        };
        static constexpr Stage stages[] = {{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},
                                           {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192},
                                           {1, 3, 1, 6, 320}};
        auto blocks = register_module("_blocks", torch::nn::ModuleList());
        for (const Stage& stage : stages) {
            const bool scales = &stage != std::begin(stages) && &stage != std::end(stages) - 1;
            const auto repeats = scales ? static_cast<int64_t>(std::ceil(
                                              config.depth * static_cast<double>(stage.repeats)))
                                        : stage.repeats;
            const int64_t out_channels = scaled_channels(stage.channels, config.width);
            for (int64_t i = 0; i < repeats; ++i) {
                MbConv block(channels, out_channels, stage.kernel, i == 0 ? stage.stride : 1,
                             stage.expansion);
                const std::string name = fmt::format("_blocks.{}", blocks->size());
                blocks->push_back(block);
                add_block(name, block.ptr(), Scope::quantized);
                channels = out_channels;
            }
        }
        return channels;
    }
};

}  // namespace

std::shared_ptr<Network> make_efficientnet_lite(const EfficientNetLiteConfig& config) {
    return std::make_shared<EfficientNetLite>(config);
}

}  // namespace comq
