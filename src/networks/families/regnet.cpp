#include <fmt/format.h>

#include "networks/conv_norm.hpp"
#include "networks/families/families.hpp"
#include "networks/families/publishers.hpp"

namespace comq {

namespace {

/** RegNetX (arXiv 2003.13678) with torchvision's parameter names; bottleneck ratio 1. */
struct RegNetConfig {
    std::vector<int64_t> depths;  ///< blocks of each stage
    std::vector<int64_t> widths;  ///< multiples of `group_width`
    int64_t group_width = 16;     ///< channels of one group of the 3×3 convolutions
    int64_t classes = 1000;
};

/** relu(shortcut(x) + c(b(a(x)))); b is a grouped 3×3 convolution. */
class XBlockImpl : public torch::nn::Module {
  public:
    XBlockImpl(int64_t in_channels, int64_t width, int64_t stride, int64_t group_width) {
        if (in_channels != width || stride != 1) {
            projection_ = register_module(
                "proj",
                ConvNorm(in_channels, width, Conv2dOptions{.stride = stride}, Activation::none));
        }
        auto branch = register_module("f", std::make_shared<torch::nn::Module>());
        const Conv2dOptions grouped{
            .kernel = 3, .stride = stride, .padding = 1, .groups = width / group_width};
        a_ = branch->register_module(
            "a", ConvNorm(in_channels, width, Conv2dOptions{}, Activation::relu));
        b_ = branch->register_module("b", ConvNorm(width, width, grouped, Activation::relu));
        c_ =
            branch->register_module("c", ConvNorm(width, width, Conv2dOptions{}, Activation::relu));
    }

    torch::Tensor forward(const torch::Tensor& x) {
        const torch::Tensor shortcut = projection_.is_empty() ? x : projection_->forward(x);
        return c_->joined(b_->forward(a_->forward(x)), shortcut,
                          projection_.is_empty() ? nullptr : projection_.get());
    }

  private:
    ConvNorm projection_{nullptr};
    ConvNorm a_{nullptr};
    ConvNorm b_{nullptr};
    ConvNorm c_{nullptr};
};
TORCH_MODULE(XBlock);

class RegNet : public Network {
  public:
    explicit RegNet(const RegNetConfig& config) {
        constexpr int64_t stem_channels = 32;
        const Conv2dOptions stem_options{.kernel = 3, .stride = 2, .padding = 1};
        auto stem =
            register_module("stem", ConvNorm(3, stem_channels, stem_options, Activation::relu));
        add_block("stem", stem, Scope::quantized);

        auto trunk = register_module("trunk_output", std::make_shared<torch::nn::Module>());
        int64_t channels = stem_channels;
        for (std::size_t i = 0; i < config.depths.size(); ++i) {
            const std::string stage_name = fmt::format("block{}", i + 1);
            auto stage = trunk->register_module(stage_name, std::make_shared<torch::nn::Module>());
            for (int64_t j = 0; j < config.depths[i]; ++j) {
                const std::string block_name = fmt::format("{}-{}", stage_name, j);
                XBlock block(channels, config.widths[i], j == 0 ? 2 : 1, config.group_width);
                stage->register_module(block_name, block);
                add_block(fmt::format("trunk_output.{}.{}", stage_name, block_name), block.ptr(),
                          Scope::quantized);
                channels = config.widths[i];
            }
        }
        auto head = register_module("fc", Linear(channels, config.classes));
        add_block("fc", {head}, Scope::kept, [head](torch::Tensor x) {
            return head->forward(x.mean({2, 3}));
        });
    }
};

NetworkFactory regnet_factory(const RegNetConfig& config) {
    return [config](const NetworkSize& size) {
        RegNetConfig sized = config;
        sized.classes = size.classes;
        return std::make_shared<RegNet>(sized);
    };
}

std::vector<KeyRule> timm_regnet_rules() {
    std::vector<KeyRule> rules{
        {"stem.conv.*", "stem.0.$1"},
        {"stem.bn.*", "stem.1.$1"},
        {"head.fc.*", "fc.$1"},
        {"s*.b*.downsample.conv.*", "trunk_output.block$1.block$1-$2{-1}.proj.0.$3"},
        {"s*.b*.downsample.bn.*", "trunk_output.block$1.block$1-$2{-1}.proj.1.$3"}};
    for (const auto& [number, letter] : {std::pair{1, 'a'}, {2, 'b'}, {3, 'c'}}) {
        const std::string target =
            fmt::format("trunk_output.block$1.block$1-$2{{-1}}.f.{}", letter);
        rules.push_back({fmt::format("s*.b*.conv{}.conv.*", number), target + ".0.$3"});
        rules.push_back({fmt::format("s*.b*.conv{}.bn.*", number), target + ".1.$3"});
    }
    return rules;
}

}  // namespace

const ModelFamily regnet_family{
    .name = "regnet",
    .members = {torchvision_member("regnet_x_400mf", "regnet_x_400mf-adf1edd5.pth", 72.834,
                                   regnet_factory({.depths = {1, 2, 7, 12},
                                                   .widths = {32, 64, 160, 400},
                                                   .group_width = 16})),
                // torchvision has no RegNetX-600MF.
                timm_member(
                    "regnet_x_600mf", "regnetx_006.pycls_in1k",
                    {.interpolation = Interpolation::bicubic}, "MIT", 73.904,
                    regnet_factory(
                        {.depths = {1, 3, 5, 7}, .widths = {48, 96, 240, 528}, .group_width = 24})),
                torchvision_member("regnet_x_800mf", "regnet_x_800mf-ad17e45c.pth", 75.212,
                                   regnet_factory({.depths = {1, 3, 7, 5},
                                                   .widths = {64, 128, 288, 672},
                                                   .group_width = 16}))},
    .marks = {{"trunk_output.block1.block1-0.f.a.0.weight", "a RegNet"}},
    .key_maps = {{"timm, RegNet", "s1.b1.conv1.conv.weight", timm_regnet_rules()}},
    .classifier = "fc"};

}  // namespace comq
