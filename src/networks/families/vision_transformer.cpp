#include "networks/families/vision_transformer.hpp"

#include <torch/nn/modules/container/modulelist.h>

#include <fmt/format.h>

#include "core/errors.hpp"
#include "networks/attention.hpp"
#include "networks/families/families.hpp"
#include "networks/families/position_embedding.hpp"
#include "networks/families/publishers.hpp"
#include "networks/families/transformer_key_maps.hpp"
#include "networks/families/transformer_steps.hpp"
#include "networks/norms.hpp"

namespace comq {

namespace {

using torch::indexing::Slice;

class AttentionImpl : public torch::nn::Module {
  public:
    explicit AttentionImpl(const VisionTransformerConfig& config)
        : heads_(config.heads),
          qkv_(register_module("qkv", Linear(config.dim, 3 * config.dim))),
          proj_(register_module("proj", Linear(config.dim, config.dim))) {}

    /** stream + the attention of `tokens`. */
    torch::Tensor joined(const torch::Tensor& tokens, const torch::Tensor& stream) {
        const int64_t batch = tokens.size(0), count = tokens.size(1), dim = tokens.size(2);
        // [3, B, heads, tokens, d]
        const torch::Tensor qkv = qkv_->forward(tokens)
                                      .reshape({batch, count, 3, heads_, dim / heads_})
                                      .permute({2, 0, 3, 1, 4});
        const torch::Tensor mixed = scaled_dot_product(qkv[0], qkv[1], qkv[2], {});
        return proj_->joined(mixed.transpose(1, 2).reshape({batch, count, dim}), stream);
    }

  private:
    int64_t heads_;
    Linear qkv_;
    Linear proj_;
};
TORCH_MODULE(Attention);

class EncoderBlockImpl : public torch::nn::Module {
  public:
    explicit EncoderBlockImpl(const VisionTransformerConfig& config)
        : norm1_(register_module("norm1", LayerNorm(config.dim, config.norm_eps))),
          attn_(register_module("attn", Attention(config))),
          norm2_(register_module("norm2", LayerNorm(config.dim, config.norm_eps))),
          mlp_(register_module("mlp", Mlp(config.dim, config.mlp_ratio * config.dim))) {}

    std::vector<ModuleStep> steps() {
        return transformer_steps(
            {norm1_.ptr(), attn_.ptr()},
            [this](const torch::Tensor& tokens) { return attend(tokens); }, norm2_, mlp_);
    }

  private:
    torch::Tensor attend(const torch::Tensor& tokens) {
        return attn_->joined(norm1_->forward(tokens), tokens);
    }

    LayerNorm norm1_;
    Attention attn_;
    LayerNorm norm2_;
    Mlp mlp_;
};
TORCH_MODULE(EncoderBlock);

class VisionTransformer : public Network {
  public:
    explicit VisionTransformer(const VisionTransformerConfig& config) {
        const int64_t grid = config.image_size / config.patch_size;
        const int64_t tokens = grid * grid + (config.distilled ? 2 : 1);
        cls_token_ = register_parameter("cls_token", torch::zeros({1, 1, config.dim}));
        pos_embed_ = register_parameter("pos_embed", torch::zeros({1, tokens, config.dim}));
        if (config.distilled) {
            dist_token_ = register_parameter("dist_token", torch::zeros({1, 1, config.dim}));
        }

        auto patch_embed = register_module("patch_embed", std::make_shared<torch::nn::Module>());
        Conv2d projection(3, config.dim,
                          Conv2dOptions{.kernel = config.patch_size, .stride = config.patch_size});
        patch_embed->register_module("proj", projection);
        add_block("patch_embed", {patch_embed}, Scope::kept,
                  [this, projection](torch::Tensor images) mutable {
                      return embed(projection->forward(images));
                  });

        auto blocks = register_module("blocks", torch::nn::ModuleList());
        for (int64_t i = 0; i < config.depth; ++i) {
            EncoderBlock block(config);
            blocks->push_back(block);
            add_block(fmt::format("blocks.{}", i), Scope::quantized, block->steps());
        }

        auto norm = register_module("norm", LayerNorm(config.dim, config.norm_eps));
        auto head = register_module("head", Linear(config.dim, config.classes));
        if (!config.distilled) {
            add_block("head", {norm, head}, Scope::kept, [norm, head](torch::Tensor x) {
                return head->forward(norm->forward(x).index({Slice(), 0}));
            });
            return;
        }
        auto head_dist = register_module("head_dist", Linear(config.dim, config.classes));
        add_block("head", {norm, head, head_dist}, Scope::kept,
                  [norm, head, head_dist](torch::Tensor x) {
                      const torch::Tensor normed = norm->forward(x);
                      return (head->forward(normed.index({Slice(), 0})) +
                              head_dist->forward(normed.index({Slice(), 1}))) /
                             2;
                  });
    }

  private:
    /** Patches `[B, dim, grid, grid]` to tokens `[B, tokens, dim]`, the class token first. */
    torch::Tensor embed(const torch::Tensor& patches) const {
        const int64_t batch = patches.size(0);
        std::vector<torch::Tensor> tokens{cls_token_.expand({batch, -1, -1})};
        if (dist_token_.defined()) tokens.push_back(dist_token_.expand({batch, -1, -1}));
        tokens.push_back(patches.flatten(2).transpose(1, 2));
        return torch::cat(tokens, 1) + pos_embed_;
    }

    torch::Tensor cls_token_;
    torch::Tensor dist_token_;
    torch::Tensor pos_embed_;
};

}  // namespace

std::shared_ptr<Network> make_vision_transformer(const VisionTransformerConfig& config) {
    return std::make_shared<VisionTransformer>(config);
}

namespace {

constexpr VisionTransformerConfig vit_tiny{.dim = 192, .depth = 12, .heads = 3};
constexpr VisionTransformerConfig vit_small{.dim = 384, .depth = 12, .heads = 6};
constexpr VisionTransformerConfig vit_base{.dim = 768, .depth = 12, .heads = 12};
constexpr VisionTransformerConfig vit_large{.dim = 1024, .depth = 24, .heads = 16};
constexpr VisionTransformerConfig vit_demo{
    .dim = 64, .depth = 5, .heads = 4, .image_size = 32, .patch_size = 4, .classes = 10};

NetworkFactory vit_factory(const VisionTransformerConfig& config) {
    return [config](const NetworkSize& size) {
        VisionTransformerConfig sized = config;
        sized.classes = size.classes;
        sized.image_size = size.image_size;
        sized.norm_eps = size.norm_eps.value_or(config.norm_eps);
        if (size.image_size % config.patch_size != 0) {
            throw UsageError(
                "model.preprocessing: images of {} pixels are not made of patches of {}; choose a "
                "multiple",
                size.image_size, config.patch_size);
        }
        return make_vision_transformer(sized);
    };
}

ModelDescription vit_member(const std::string& name, const VisionTransformerConfig& config,
                            double top1) {
    Preprocessing preprocessing = bicubic_248();
    preprocessing.mean = preprocessing.std = {0.5F, 0.5F, 0.5F};
    return timm_member(name, name + ".augreg_in21k_ft_in1k", preprocessing, "Apache-2.0", top1,
                       vit_factory(config));
}

ModelDescription deit_member(const std::string& name, const VisionTransformerConfig& config,
                             double top1) {
    return timm_member(name, name + ".fb_in1k", bicubic_248(), "Apache-2.0", top1,
                       vit_factory(config));
}

/** The same with a second token and head. */
VisionTransformerConfig distilled(VisionTransformerConfig config) {
    config.distilled = true;
    return config;
}

}  // namespace

const ModelFamily vit_family{.name = "vit",
                             .members = {vit_member("vit_tiny_patch16_224", vit_tiny, 75.452),
                                         vit_member("vit_small_patch16_224", vit_small, 81.402),
                                         vit_member("vit_base_patch16_224", vit_base, 84.534),
                                         vit_member("vit_large_patch16_224", vit_large, 85.856),
                                         demo_member("demo_vit", vit_factory(vit_demo))},
                             .marks = {{"blocks.0.attn.qkv.weight", "a ViT or DeiT"}},
                             .key_maps = vision_transformer_key_maps(),
                             .classifier = "head",
                             .read_size = read_image_size,
                             .norm_eps = vit_base.norm_eps};

const ModelFamily deit_family{
    .name = "deit",
    .members = {deit_member("deit_tiny_patch16_224", vit_tiny, 72.190),
                deit_member("deit_tiny_distilled_patch16_224", distilled(vit_tiny), 74.538),
                deit_member("deit_small_patch16_224", vit_small, 79.856),
                deit_member("deit_small_distilled_patch16_224", distilled(vit_small), 81.204),
                deit_member("deit_base_patch16_224", vit_base, 81.980),
                deit_member("deit_base_distilled_patch16_224", distilled(vit_base), 83.384)},
    .marks = {{"blocks.0.attn.qkv.weight", "a ViT or DeiT"}},
    .key_maps = vision_transformer_key_maps(),
    .classifier = "head",
    .read_size = read_image_size,
    .norm_eps = vit_base.norm_eps};

}  // namespace comq
