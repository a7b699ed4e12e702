#include <fmt/format.h>

#include <array>

#include "networks/families/families.hpp"
#include "networks/families/publishers.hpp"

namespace comq {

namespace {

/** SqueezeNet (arXiv 1602.07360) with torchvision's parameter names. */
struct SqueezeNetConfig {
    int64_t stem_channels = 64;
    int64_t stem_kernel = 3;
    /** Whether a 3×3 max pooling stands before fire module i of the eight. */
    std::vector<bool> pool_before{true, false, true, false, true, false, false, false};
    int64_t classes = 1000;
};

/** Squeezes the channels, then expands them by a 1×1 and a 3×3 convolution side by side. */
class FireImpl : public torch::nn::Module {
  public:
    FireImpl(int64_t in_channels, int64_t squeezed, int64_t expanded)
        : squeeze_(register_module("squeeze", Conv2d(in_channels, squeezed, Conv2dOptions{}))),
          expand1x1_(register_module("expand1x1", Conv2d(squeezed, expanded, Conv2dOptions{}))),
          expand3x3_(register_module(
              "expand3x3", Conv2d(squeezed, expanded, Conv2dOptions{.kernel = 3, .padding = 1}))) {}

    torch::Tensor forward(const torch::Tensor& input) {
        const torch::Tensor x = squeeze_->activated(input, Activation::relu);
        return torch::cat({expand1x1_->activated(x, Activation::relu),
                           expand3x3_->activated(x, Activation::relu)},
                          1);
    }

  private:
    Conv2d squeeze_;
    Conv2d expand1x1_;
    Conv2d expand3x3_;
};
TORCH_MODULE(Fire);

torch::Tensor pool(const torch::Tensor& x) {
    return torch::max_pool2d(x, 3, 2, 0, 1, /*ceil_mode=*/true);
}

class SqueezeNet : public Network {
  public:
    explicit SqueezeNet(const SqueezeNetConfig& config) {
        // Children are numbered as in torchvision, where ReLU and pooling count too.
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        Conv2d stem(3, config.stem_channels,
                    Conv2dOptions{.kernel = config.stem_kernel, .stride = 2});
        features->register_module("0", stem);
        add_block("features.0", {stem.ptr()}, Scope::quantized,
                  [stem](torch::Tensor x) mutable { return stem->activated(x, Activation::relu); });

        constexpr std::array<int64_t, 8> squeezed{16, 16, 32, 32, 48, 48, 64, 64};
        int64_t channels = config.stem_channels;
        int number = 2;
        for (std::size_t i = 0; i < squeezed.size(); ++i) {
            const bool pooled = config.pool_before[i];
            if (pooled) ++number;
            Fire fire(channels, squeezed[i], 4 * squeezed[i]);
            channels = 8 * squeezed[i];
            features->register_module(fmt::format("{}", number), fire);
            add_block(fmt::format("features.{}", number), {fire.ptr()}, Scope::quantized,
                      [fire, pooled](torch::Tensor x) mutable {
                          return fire->forward(pooled ? pool(x) : x);
                      });
            ++number;
        }

        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        Conv2d head(channels, config.classes, Conv2dOptions{});
        classifier->register_module("1", head);
        add_block("classifier", {head.ptr()}, Scope::kept, [head](torch::Tensor x) mutable {
            return head->activated(x, Activation::relu).mean({2, 3});
        });
    }
};

NetworkFactory squeezenet_factory(const SqueezeNetConfig& config) {
    return [config](const NetworkSize& size) {
        SqueezeNetConfig sized = config;
        sized.classes = size.classes;
        return std::make_shared<SqueezeNet>(sized);
    };
}

}  // namespace

const ModelFamily squeezenet_family{
    .name = "squeezenet",
    .members = {torchvision_member(
                    "squeezenet1_0", "squeezenet1_0-b66bff10.pth", 58.092,
                    squeezenet_factory(
                        {.stem_channels = 96,
                         .stem_kernel = 7,
                         .pool_before = {true, false, false, true, false, false, false, true}})),
                torchvision_member("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth", 58.178,
                                   squeezenet_factory({}))},
    .marks = {{"features.3.squeeze.weight", "a SqueezeNet"}},
    .classifier = "classifier.1"};

}  // namespace comq
