#include <fmt/format.h>

#include "networks/conv_norm.hpp"
#include "networks/families/families.hpp"
#include "networks/families/publishers.hpp"

namespace comq {

namespace {

/** VGG-16 (arXiv 1409.1556, configuration D) with torchvision's parameter names. */
struct Vgg16Config {
    bool batch_norm = false;
    int64_t classes = 1000;
};

class Vgg16 : public Network {
  public:
    explicit Vgg16(const Vgg16Config& config) {
        const std::vector<std::vector<int64_t>> stages{
            {64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}};
        int64_t channels = 3;
        for (const auto& stage : stages) {
            for (std::size_t i = 0; i < stage.size(); ++i) {
                add_convolution(channels, stage[i], config.batch_norm, i + 1 == stage.size());
                channels = stage[i];
            }
            ++next_feature_;
        }
        add_classifier(channels, config.classes);
    }

  private:
    // Children are numbered as in torchvision, where ReLU, pooling and dropout count too.
    void add_convolution(int64_t in_channels, int64_t out_channels, bool with_norm, bool pooled) {
        const int number = next_feature_;
        Conv2d conv(in_channels, out_channels, Conv2dOptions{.kernel = 3, .padding = 1});
        features_->register_module(fmt::format("{}", number), conv);
        std::vector<std::shared_ptr<torch::nn::Module>> modules{conv.ptr()};
        BatchNorm2d norm{nullptr};
        if (with_norm) {
            norm = BatchNorm2d(out_channels);
            features_->register_module(fmt::format("{}", number + 1), norm);
            modules.push_back(norm.ptr());
        }
        add_block(fmt::format("features.{}", number), modules, Scope::quantized,
                  [conv, norm, pooled](torch::Tensor x) mutable {
                      x = norm.is_empty() ? conv->activated(x, Activation::relu)
                                          : normed_convolution(*conv, *norm, x, Activation::relu);
                      return pooled ? torch::max_pool2d(x, 2, 2) : x;
                  });
        next_feature_ += with_norm ? 3 : 2;
    }

    void add_classifier(int64_t channels, int64_t classes) {
        constexpr int64_t pooled_size = 7;
        constexpr int64_t hidden = 4096;
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        Linear first(channels * pooled_size * pooled_size, hidden);
        Linear second(hidden, hidden);
        Linear head(hidden, classes);
        classifier->register_module("0", first);
        classifier->register_module("3", second);
        classifier->register_module("6", head);
        add_block("classifier.0", {first.ptr()}, Scope::quantized,
                  [first](torch::Tensor x) mutable {
                      x = torch::adaptive_avg_pool2d(x, {pooled_size, pooled_size});
                      return first->activated(x.flatten(1), Activation::relu);
                  });
        add_block(
            "classifier.3", {second.ptr()}, Scope::quantized,
            [second](torch::Tensor x) mutable { return second->activated(x, Activation::relu); });
        add_block("classifier.6", head.ptr(), Scope::kept);
    }

    std::shared_ptr<torch::nn::Module> features_ =
        register_module("features", std::make_shared<torch::nn::Module>());
    int next_feature_ = 0;
};

ModelDescription vgg_member(const std::string& name, const std::string& file, double top1,
                            bool batch_norm) {
    return torchvision_member(name, file, top1, [batch_norm](const NetworkSize& size) {
        return std::make_shared<Vgg16>(
            Vgg16Config{.batch_norm = batch_norm, .classes = size.classes});
    });
}

}  // namespace

const ModelFamily vgg_family{
    .name = "vgg",
    .members = {vgg_member("vgg16", "vgg16-397923af.pth", 71.592, false),
                vgg_member("vgg16_bn", "vgg16_bn-6c64b313.pth", 73.360, true)},
    .marks = {{"classifier.6.weight", "a VGG"}},
    // timm's classifier is made of convolutions, the first as large as the image.
    .key_maps = {{"timm, VGG",
                  "pre_logits.fc1.weight",
                  {{"pre_logits.fc1.*", "classifier.0.$1", {}, true},
                   {"pre_logits.fc2.*", "classifier.3.$1", {}, true},
                   {"head.fc.*", "classifier.6.$1"}}}},
    .classifier = "classifier.6"};

}  // namespace comq
