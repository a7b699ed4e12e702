#include "networks/families/families.hpp"
#include "networks/families/swin.hpp"
#include "networks/families/vision_transformer.hpp"

namespace comq {

namespace {

constexpr const char* timm = "https://huggingface.co/timm/";

// Expected Top-1 values are those of timm's results/results-imagenet.csv.

Preprocessing bicubic_248(float mean, float std) {
    return {.resize = 248,
            .crop = 224,
            .interpolation = Interpolation::bicubic,
            .mean = {mean, mean, mean},
            .std = {std, std, std}};
}

Preprocessing bicubic_248_imagenet() {
    return {.resize = 248, .crop = 224, .interpolation = Interpolation::bicubic};
}

void add_vit(std::vector<ModelDescription>& registry, const std::string& name,
             const VisionTransformerConfig& config, double top1) {
    const std::string checkpoint = name + ".augreg_in21k_ft_in1k";
    registry.push_back({.name = name,
                        .family = "vit",
                        .data_set = "imagenet",
                        .classes = 1000,
                        .preprocessing = bicubic_248(0.5F, 0.5F),
                        .checkpoint = checkpoint,
                        .source = timm + checkpoint,
                        .license = "Apache-2.0",
                        .expected_top1 = top1,
                        .factory = [config] { return make_vision_transformer(config); }});
}

void add_deit(std::vector<ModelDescription>& registry, const std::string& name,
              VisionTransformerConfig config, double top1, double distilled_top1) {
    for (const bool distilled : {false, true}) {
        config.distilled = distilled;
        const std::string full_name =
            name + (distilled ? "_distilled_patch16_224" : "_patch16_224");
        registry.push_back({.name = full_name,
                            .family = "deit",
                            .data_set = "imagenet",
                            .classes = 1000,
                            .preprocessing = bicubic_248_imagenet(),
                            .checkpoint = full_name + ".fb_in1k",
                            .source = timm + full_name + ".fb_in1k",
                            .license = "Apache-2.0",
                            .expected_top1 = distilled ? distilled_top1 : top1,
                            .factory = [config] { return make_vision_transformer(config); }});
    }
}

void add_swin(std::vector<ModelDescription>& registry, const std::string& name,
              const std::string& tag, const SwinConfig& config, double top1) {
    registry.push_back({.name = name,
                        .family = "swin",
                        .data_set = "imagenet",
                        .classes = 1000,
                        .preprocessing = bicubic_248_imagenet(),
                        .checkpoint = name + "." + tag,
                        .source = timm + name + "." + tag,
                        .license = "MIT",
                        .expected_top1 = top1,
                        .factory = [config] { return make_swin(config); }});
}

}  // namespace

void add_transformers(std::vector<ModelDescription>& registry) {
    const VisionTransformerConfig tiny{.dim = 192, .depth = 12, .heads = 3};
    const VisionTransformerConfig small{.dim = 384, .depth = 12, .heads = 6};
    const VisionTransformerConfig base{.dim = 768, .depth = 12, .heads = 12};
    const VisionTransformerConfig large{.dim = 1024, .depth = 24, .heads = 16};
    add_vit(registry, "vit_tiny_patch16_224", tiny, 75.452);
    add_vit(registry, "vit_small_patch16_224", small, 81.402);
    add_vit(registry, "vit_base_patch16_224", base, 84.534);
    add_vit(registry, "vit_large_patch16_224", large, 85.856);
    add_deit(registry, "deit_tiny", tiny, 72.190, 74.538);
    add_deit(registry, "deit_small", small, 79.856, 81.204);
    add_deit(registry, "deit_base", base, 81.980, 83.384);

    add_swin(registry, "swin_tiny_patch4_window7_224", "ms_in1k",
             {.dim = 96, .depths = {2, 2, 6, 2}, .heads = {3, 6, 12, 24}}, 81.388);
    add_swin(registry, "swin_small_patch4_window7_224", "ms_in1k",
             {.dim = 96, .depths = {2, 2, 18, 2}, .heads = {3, 6, 12, 24}}, 83.228);
    add_swin(registry, "swin_base_patch4_window7_224", "ms_in22k_ft_in1k",
             {.dim = 128, .depths = {2, 2, 18, 2}, .heads = {4, 8, 16, 32}}, 85.276);

    const VisionTransformerConfig demo{
        .dim = 64, .depth = 5, .heads = 4, .image_size = 32, .patch_size = 4, .classes = 10};
    registry.push_back(
        demo_model("demo_vit", "vit", [demo] { return make_vision_transformer(demo); }));
}

}  // namespace comq
