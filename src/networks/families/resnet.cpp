#include "networks/families/resnet.hpp"

#include <torch/nn/modules/container/sequential.h>

#include <fmt/format.h>

#include "networks/conv_norm.hpp"
#include "networks/families/families.hpp"
#include "networks/families/publishers.hpp"

namespace comq {

namespace {

using torch::indexing::None;
using torch::indexing::Slice;

/** relu(convolutions(x) + shortcut(x)); children conv1, bn1, conv2, … and downsample. */
class ResidualBlockImpl : public torch::nn::Module {
  public:
    ResidualBlockImpl(int64_t in_channels, int64_t width, int64_t stride,
                      const ResNetConfig& config)
        : stride_(stride) {
        const Conv2dOptions pointwise{.bias = false};
        const Conv2dOptions spatial{.kernel = 3, .padding = 1, .bias = false};
        Conv2dOptions strided = spatial;
        strided.stride = stride;
        int64_t out_channels = width;
        if (config.bottleneck) {
            out_channels = 4 * width;
            add_convolution(in_channels, width, pointwise);
            add_convolution(width, width, strided);
            add_convolution(width, out_channels, pointwise);
        } else {
            add_convolution(in_channels, width, strided);
            add_convolution(width, width, spatial);
        }
        if (stride == 1 && in_channels == out_channels) return;
        if (config.small_images) {
            padding_channels_ = (out_channels - in_channels) / 2;
        } else {
            downsample_ = register_module(
                "downsample", ConvNorm(in_channels, out_channels, Conv2dOptions{.stride = stride},
                                       Activation::none));
        }
    }

    torch::Tensor forward(const torch::Tensor& input) {
        torch::Tensor x = input;
        for (std::size_t i = 0; i + 1 < convolutions_.size(); ++i) {
            x = normed_convolution(*convolutions_[i], *norms_[i], x, Activation::relu);
        }
        return joined_convolution(*convolutions_.back(), *norms_.back(), x, shortcut(input),
                                  Activation::relu,
                                  downsample_.is_empty() ? nullptr : downsample_.get());
    }

  private:
    void add_convolution(int64_t in_channels, int64_t out_channels, const Conv2dOptions& options) {
        const std::size_t number = convolutions_.size() + 1;
        convolutions_.push_back(register_module(fmt::format("conv{}", number),
                                                Conv2d(in_channels, out_channels, options)));
        norms_.push_back(register_module(fmt::format("bn{}", number), BatchNorm2d(out_channels)));
    }

    torch::Tensor shortcut(const torch::Tensor& input) {
        if (!downsample_.is_empty()) return downsample_->forward(input);
        if (padding_channels_ == 0) return input;
        const Slice every_stride(0, None, stride_);
        return torch::constant_pad_nd(input.index({Slice(), Slice(), every_stride, every_stride}),
                                      {0, 0, 0, 0, padding_channels_, padding_channels_}, 0);
    }

    int64_t stride_;
    int64_t padding_channels_ = 0;
    std::vector<Conv2d> convolutions_;
    std::vector<BatchNorm2d> norms_;
    ConvNorm downsample_{nullptr};
};
TORCH_MODULE(ResidualBlock);

class ResNet : public Network {
  public:
    explicit ResNet(const ResNetConfig& config) {
        int64_t channels = config.widths.front();
        add_stem(channels, config.small_images);
        for (std::size_t stage = 0; stage < config.depths.size(); ++stage) {
            const std::string name = fmt::format("layer{}", stage + 1);
            auto blocks = register_module(name, torch::nn::Sequential());
            for (int64_t i = 0; i < config.depths[stage]; ++i) {
                const int64_t stride = stage > 0 && i == 0 ? 2 : 1;
                ResidualBlock block(channels, config.widths[stage], stride, config);
                blocks->push_back(block);
                add_block(fmt::format("{}.{}", name, i), block.ptr(), Scope::quantized);
                channels = config.widths[stage] * (config.bottleneck ? 4 : 1);
            }
        }
        const std::string head_name = config.small_images ? "linear" : "fc";
        auto head = register_module(head_name, Linear(channels, config.classes));
        add_block(head_name, {head}, Scope::kept, [head](torch::Tensor x) {
            return head->forward(x.mean({2, 3}));
        });
    }

  private:
    void add_stem(int64_t channels, bool small_images) {
        const Conv2dOptions options =
            small_images ? Conv2dOptions{.kernel = 3, .padding = 1, .bias = false}
                         : Conv2dOptions{.kernel = 7, .stride = 2, .padding = 3, .bias = false};
        auto conv = register_module("conv1", Conv2d(3, channels, options));
        auto norm = register_module("bn1", BatchNorm2d(channels));
        add_block("conv1", {conv, norm}, Scope::quantized,
                  [conv, norm, small_images](torch::Tensor images) mutable {
                      const torch::Tensor x =
                          normed_convolution(*conv, *norm, images, Activation::relu);
                      return small_images ? x : torch::max_pool2d(x, 3, 2, 1);
                  });
    }
};

}  // namespace

std::shared_ptr<Network> make_resnet(const ResNetConfig& config) {
    return std::make_shared<ResNet>(config);
}

std::shared_ptr<Network> make_cifar_resnet(int64_t depth, int64_t classes) {
    return make_resnet({.depths = std::vector<int64_t>(3, (depth - 2) / 6),
                        .widths = {16, 32, 64},
                        .small_images = true,
                        .classes = classes});
}

namespace {

ModelDescription resnet_member(const std::string& name, const std::string& file, double top1,
                               const ResNetConfig& config) {
    return torchvision_member(name, file, top1, [config](const NetworkSize& size) {
        ResNetConfig sized = config;
        sized.classes = size.classes;
        return make_resnet(sized);
    });
}

std::vector<KeyRule> transformers_resnet_rules() {
    const std::string block = "*.encoder.stages.*.layers.*.";
    const std::string ours = "layer$2{+1}.$3.";
    return {{"*.embedder.embedder.convolution.*", "conv1.$2"},
            {"*.embedder.embedder.normalization.*", "bn1.$2"},
            {block + "layer.*.convolution.*", ours + "conv$4{+1}.$5"},
            {block + "layer.*.normalization.*", ours + "bn$4{+1}.$5"},
            {block + "shortcut.convolution.*", ours + "downsample.0.$4"},
            {block + "shortcut.normalization.*", ours + "downsample.1.$4"},
            {"classifier.1.*", "fc.$1"}};
}

/**
 * A checkpoint of akamaster/pytorch_resnet_cifar10, whose names end in the first digits of their
 * SHA-256; Top-1 = 100 − test error of its README.
 */
ModelDescription cifar_resnet_member(int depth, const char* digits, double top1) {
    return {.name = fmt::format("cifar10_resnet{}", depth),
            .data_set = "cifar10",
            .classes = 10,
            .preprocessing = {.resize = 0, .crop = 32},
            .checkpoint = fmt::format("resnet{}", depth),
            .source = fmt::format("https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/"
                                  "pretrained_models/resnet{}-{}.th",
                                  depth, digits),
            .license = "BSD-2-Clause",
            .expected_top1 = top1,
            .factory = [depth](const NetworkSize& size) {
                return make_cifar_resnet(depth, size.classes);
            }};
}

}  // namespace

const ModelFamily resnet_family{
    .name = "resnet",
    .members = {resnet_member("resnet18", "resnet18-f37072fd.pth", 69.758,
                              {.depths = {2, 2, 2, 2}}),
                resnet_member("resnet34", "resnet34-b627a593.pth", 73.314,
                              {.depths = {3, 4, 6, 3}}),
                resnet_member("resnet50", "resnet50-0676ba61.pth", 76.130,
                              {.depths = {3, 4, 6, 3}, .bottleneck = true}),
                resnet_member("resnet101", "resnet101-63fe2227.pth", 77.374,
                              {.depths = {3, 4, 23, 3}, .bottleneck = true})},
    .marks = {{"layer1.0.conv3.weight", "a ResNet with bottlenecks"},
              {"layer4.0.conv1.weight", "a ResNet"}},
    .key_maps = {{"transformers, ResNet", "*.embedder.embedder.convolution.weight",
                  transformers_resnet_rules()}},
    .classifier = "fc"};

const ModelFamily cifar_resnet_family{
    .name = "cifar_resnet",
    .members =
        {cifar_resnet_member(20, "12fca82f", 91.73), cifar_resnet_member(32, "d509ac18", 92.63),
         cifar_resnet_member(44, "014dd654", 93.10), cifar_resnet_member(56, "4bfd9763", 93.39),
         cifar_resnet_member(110, "1d1ed7c2", 93.68),
         demo_member("demo_cnn",
                     [](const NetworkSize& size) { return make_cifar_resnet(14, size.classes); })},
    .marks = {{"layer3.0.conv1.weight", "a CIFAR ResNet"}},
    .classifier = "linear"};

}  // namespace comq
