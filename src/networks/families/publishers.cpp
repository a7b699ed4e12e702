#include "networks/families/publishers.hpp"

#include <utility>

namespace comq {

ModelDescription torchvision_member(std::string name, const std::string& file, double top1,
                                    NetworkFactory factory) {
    return {.name = std::move(name),
            .data_set = "imagenet",
            .classes = 1000,
            .preprocessing = {},
            .checkpoint = file,
            .source = "https://download.pytorch.org/models/" + file,
            .license = "BSD-3-Clause",
            .expected_top1 = top1,
            .factory = std::move(factory)};
}

ModelDescription timm_member(std::string name, const std::string& checkpoint,
                             Preprocessing preprocessing, std::string license, double top1,
                             NetworkFactory factory) {
    return {.name = std::move(name),
            .data_set = "imagenet",
            .classes = 1000,
            .preprocessing = preprocessing,
            .checkpoint = checkpoint,
            .source = "https://huggingface.co/timm/" + checkpoint,
            .license = std::move(license),
            .expected_top1 = top1,
            .factory = std::move(factory)};
}

Preprocessing bicubic_248() {
    return {.resize = 248, .crop = 224, .interpolation = Interpolation::bicubic};
}

ModelDescription demo_member(std::string name, NetworkFactory factory) {
    return {.name = name,
            .data_set = "demo",
            .classes = 10,
            .preprocessing = {.resize = 0,
                              .crop = 32,
                              .mean = {0.5F, 0.5F, 0.5F},
                              .std = {0.25F, 0.25F, 0.25F}},
            .checkpoint = name,
            .source = "embedded",
            .license = "MIT",
            .expected_top1 = {},
            .factory = std::move(factory)};
}

}  // namespace comq
