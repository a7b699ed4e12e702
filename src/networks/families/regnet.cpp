#include "networks/families/regnet.hpp"

#include <fmt/format.h>

#include "networks/conv_norm.hpp"

namespace comq {

namespace {

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
            branch->register_module("c", ConvNorm(width, width, Conv2dOptions{}, Activation::none));
    }

    torch::Tensor forward(const torch::Tensor& x) {
        const torch::Tensor shortcut = projection_.is_empty() ? x : projection_->forward(x);
        return torch::relu(shortcut + c_->forward(b_->forward(a_->forward(x))));
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

}  // namespace

std::shared_ptr<Network> make_regnet(const RegNetConfig& config) {
    return std::make_shared<RegNet>(config);
}

}  // namespace comq
