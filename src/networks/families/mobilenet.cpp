#include <torch/nn/modules/container/sequential.h>

#include <fmt/format.h>

#include "networks/conv_norm.hpp"
#include "networks/families/families.hpp"
#include "networks/families/inverted_residual_keys.hpp"
#include "networks/families/publishers.hpp"

namespace comq {

namespace {

/** MobileNetV2 (arXiv 1801.04381) of width 1 with torchvision's parameter names. */
struct MobileNetV2Config {
    int64_t classes = 1000;
};

/** Expands the channels, filters each by itself, projects back; a linear bottleneck. */
class InvertedResidualImpl : public torch::nn::Module {
  public:
    InvertedResidualImpl(int64_t in_channels, int64_t out_channels, int64_t stride,
                         int64_t expansion)
        : residual_(stride == 1 && in_channels == out_channels) {
        const int64_t hidden = in_channels * expansion;
        const Conv2dOptions depthwise{
            .kernel = 3, .stride = stride, .padding = 1, .groups = hidden};
        if (expansion != 1) {
            filters_.push_back(ConvNorm(in_channels, hidden, Conv2dOptions{}, Activation::relu6));
        }
        filters_.push_back(ConvNorm(hidden, hidden, depthwise, Activation::relu6));
        projection_ = Conv2d(hidden, out_channels, Conv2dOptions{.bias = false});
        norm_ = BatchNorm2d(out_channels);
        const auto layers = register_module("conv", torch::nn::Sequential());
        for (const ConvNorm& filter : filters_) layers->push_back(filter);
        layers->push_back(projection_);
        layers->push_back(norm_);
    }

    torch::Tensor forward(const torch::Tensor& x) {
        torch::Tensor filtered = x;
        for (ConvNorm& filter : filters_) filtered = filter->forward(filtered);
        return residual_ ? joined_convolution(*projection_, *norm_, filtered, x, Activation::none)
                         : normed_convolution(*projection_, *norm_, filtered, Activation::none);
    }

  private:
    bool residual_;
    std::vector<ConvNorm> filters_;
    Conv2d projection_{nullptr};
    BatchNorm2d norm_{nullptr};
};
TORCH_MODULE(InvertedResidual);

class MobileNetV2 : public Network {
  public:
    explicit MobileNetV2(const MobileNetV2Config& config) {
        struct Stage {
            int64_t expansion, channels, repeats, stride;
        };
        constexpr Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
        constexpr int64_t stem_channels = 32;
        constexpr int64_t last_channels = 1280;
        add_feature(ConvNorm(3, stem_channels,
                             Conv2dOptions{.kernel = 3, .stride = 2, .padding = 1},
                             Activation::relu6));
        int64_t channels = stem_channels;
        for (const Stage& stage : stages) {
            for (int64_t i = 0; i < stage.repeats; ++i) {
                add_feature(InvertedResidual(channels, stage.channels, i == 0 ? stage.stride : 1,
                                             stage.expansion));
                channels = stage.channels;
            }
        }
        add_feature(ConvNorm(channels, last_channels, Conv2dOptions{}, Activation::relu6));

        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        Linear head(last_channels, config.classes);
        classifier->register_module("1", head);
        add_block("classifier", {head.ptr()}, Scope::kept, [head](torch::Tensor x) mutable {
            return head->forward(x.mean({2, 3}));
        });
    }

  private:
    template <typename Holder>
    void add_feature(Holder module) {
        const std::string number = fmt::format("{}", next_feature_++);
        features_->register_module(number, module);
        add_block("features." + number, module.ptr(), Scope::quantized);
    }

    std::shared_ptr<torch::nn::Module> features_ =
        register_module("features", std::make_shared<torch::nn::Module>());
    int next_feature_ = 0;
};

std::vector<KeyRule> timm_mobilenet_v2_rules() {
    return rules_of({.outside = {{"conv_stem", "features.0.0"},
                                 {"bn1", "features.0.1"},
                                 {"conv_head", "features.18.0"},
                                 {"bn2", "features.18.1"},
                                 {"classifier", "classifier.1"}},
                     .block = "features.{}",
                     .first_stage = {{"conv_dw", "conv.0.0"},
                                     {"bn1", "conv.0.1"},
                                     {"conv_pw", "conv.1"},
                                     {"bn2", "conv.2"}},
                     .other_stages = {{"conv_pw", "conv.0.0"},
                                      {"bn1", "conv.0.1"},
                                      {"conv_dw", "conv.1.0"},
                                      {"bn2", "conv.1.1"},
                                      {"conv_pwl", "conv.2"},
                                      {"bn3", "conv.3"}},
                     .first_block = 1},
                    {1, 2, 3, 4, 3, 3, 1});
}

}  // namespace

const ModelFamily mobilenet_family{
    .name = "mobilenet",
    .members = {torchvision_member("mobilenet_v2", "mobilenet_v2-b0353104.pth", 71.878,
                                   [](const NetworkSize& size) {
                                       return std::make_shared<MobileNetV2>(
                                           MobileNetV2Config{.classes = size.classes});
                                   })},
    .marks = {{"features.1.conv.0.0.weight", "a MobileNetV2"}},
    .key_maps = {{"timm, MobileNetV2", "conv_stem.weight", timm_mobilenet_v2_rules()}},
    .classifier = "classifier.1"};

}  // namespace comq
