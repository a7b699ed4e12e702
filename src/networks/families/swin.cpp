#include <torch/nn/modules/container/modulelist.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "networks/attention.hpp"
#include "networks/families/families.hpp"
#include "networks/families/publishers.hpp"
#include "networks/families/transformer_key_maps.hpp"
#include "networks/families/transformer_steps.hpp"
#include "networks/norms.hpp"

namespace comq {

namespace {

/** Swin transformer (arXiv 2103.14030) with the parameter names of timm 0.6. */
struct SwinConfig {
    int64_t dim = 96;             ///< channels of the first stage; doubled by each patch merging
    std::vector<int64_t> depths;  ///< blocks of each stage
    std::vector<int64_t> heads;
    int64_t image_size = 224;
    int64_t patch_size = 4;
    int64_t window = 7;
    int64_t classes = 1000;
    int64_t mlp_ratio = 4;
    double norm_eps = 1e-5;
};

using torch::indexing::None;
using torch::indexing::Slice;

/** `[B, H, W, C]` to windows `[B, windows, window², C]`, row by row. */
torch::Tensor to_windows(const torch::Tensor& x, int64_t window) {
    const int64_t batch = x.size(0), rows = x.size(1) / window, cols = x.size(2) / window;
    return x.view({batch, rows, window, cols, window, -1})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({batch, rows * cols, window * window, -1});
}

/** Undoes `to_windows` for images of `size` × `size`. */
torch::Tensor from_windows(const torch::Tensor& x, int64_t window, int64_t size) {
    const int64_t batch = x.size(0), count = size / window;
    return x.view({batch, count, count, window, window, -1})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({batch, size, size, -1});
}

/** Row of the bias table for every pair of tokens of a window: `[window², window²]`. */
torch::Tensor relative_positions(int64_t window) {
    const torch::Tensor axis = torch::arange(window, torch::kInt64);
    const torch::Tensor y = axis.view({window, 1}).expand({window, window}).flatten();
    const torch::Tensor x = axis.view({1, window}).expand({window, window}).flatten();
    const torch::Tensor dy = y.unsqueeze(1) - y.unsqueeze(0) + window - 1;
    const torch::Tensor dx = x.unsqueeze(1) - x.unsqueeze(0) + window - 1;
    return dy * (2 * window - 1) + dx;
}

/**
 * What forbids attention between tokens that the cyclic shift brought into one window from
 * opposite borders: 0 or −100, `[windows, window², window²]`.
 */
torch::Tensor shifted_mask(int64_t size, int64_t window, int64_t shift) {
    torch::Tensor band = torch::zeros({size});
    band.slice(0, size - window, size - shift).fill_(1);
    band.slice(0, size - shift, size).fill_(2);
    const torch::Tensor region =
        (band.unsqueeze(1) * 3 + band.unsqueeze(0)).view({1, size, size, 1});
    const torch::Tensor of_token = to_windows(region, window).squeeze(-1).squeeze(0);
    const torch::Tensor differs = of_token.unsqueeze(1) != of_token.unsqueeze(2);
    return differs.to(torch::kFloat32) * -100;
}

class WindowAttentionImpl : public torch::nn::Module {
  public:
    WindowAttentionImpl(int64_t dim, int64_t heads, int64_t window) : heads_(heads) {
        const int64_t offsets = (2 * window - 1) * (2 * window - 1);
        bias_table_ =
            register_parameter("relative_position_bias_table", torch::zeros({offsets, heads}));
        position_index_ = register_buffer("relative_position_index", relative_positions(window));
        qkv_ = register_module("qkv", Linear(dim, 3 * dim));
        proj_ = register_module("proj", Linear(dim, dim));
    }

    /** `windows`: `[B, windows, tokens, C]`; `mask`: `[windows, tokens, tokens]` or undefined. */
    torch::Tensor forward(const torch::Tensor& windows, const torch::Tensor& mask) {
        const int64_t batch = windows.size(0), count = windows.size(1), tokens = windows.size(2);
        const int64_t dim = windows.size(3);
        // [3, B, windows, heads, tokens, d]
        const torch::Tensor qkv = qkv_->forward(windows)
                                      .reshape({batch, count, tokens, 3, heads_, dim / heads_})
                                      .permute({3, 0, 1, 4, 2, 5});
        torch::Tensor bias = bias_table_.index_select(0, position_index_.flatten())
                                 .view({tokens, tokens, heads_})
                                 .permute({2, 0, 1});
        if (mask.defined()) bias = bias + mask.unsqueeze(1);
        const torch::Tensor mixed = scaled_dot_product(qkv[0], qkv[1], qkv[2], bias);
        return proj_->forward(mixed.transpose(2, 3).reshape({batch, count, tokens, dim}));
    }
    /** The output is that of this layer. */
    const LinearImpl& last() const { return *proj_; }

  private:
    int64_t heads_;
    torch::Tensor bias_table_;
    torch::Tensor position_index_;
    Linear qkv_{nullptr};
    Linear proj_{nullptr};
};
TORCH_MODULE(WindowAttention);

class SwinBlockImpl : public torch::nn::Module {
  public:
    SwinBlockImpl(int64_t dim, int64_t heads, int64_t size, bool shifted, const SwinConfig& config)
        : size_(size), window_(std::min(size, config.window)) {
        // A stage that is one window has nothing to shift.
        if (shifted && size > window_) {
            shift_ = window_ / 2;
            mask_ = register_buffer("attn_mask", shifted_mask(size, window_, shift_));
        }
        norm1_ = register_module("norm1", LayerNorm(dim, config.norm_eps));
        attn_ = register_module("attn", WindowAttention(dim, heads, window_));
        norm2_ = register_module("norm2", LayerNorm(dim, config.norm_eps));
        mlp_ = register_module("mlp", Mlp(dim, config.mlp_ratio * dim));
    }

    std::vector<ModuleStep> steps() {
        return transformer_steps(
            {norm1_.ptr(), attn_.ptr()},
            [this](const torch::Tensor& tokens) { return attend(tokens); }, norm2_, mlp_);
    }

  private:
    torch::Tensor attend(const torch::Tensor& tokens) {
        const int64_t batch = tokens.size(0);
        torch::Tensor x = attn_->forward(windows_of(norm1_->forward(tokens)), mask_);
        x = from_windows(x, window_, size_);
        if (shift_ > 0) x = torch::roll(x, {shift_, shift_}, {1, 2});
        const torch::Tensor attended = tokens + x.view({batch, size_ * size_, -1});
        attn_->last().joins([&] { return ResidualSum{windows_of(tokens)}; });
        return attended;
    }

    /** Tokens `[B, size², C]` by the windows of this block, shifted where it shifts. */
    torch::Tensor windows_of(const torch::Tensor& tokens) const {
        torch::Tensor x = tokens.view({tokens.size(0), size_, size_, -1});
        if (shift_ > 0) x = torch::roll(x, {-shift_, -shift_}, {1, 2});
        return to_windows(x, window_);
    }

    int64_t size_;
    int64_t window_;
    int64_t shift_ = 0;
    torch::Tensor mask_;
    LayerNorm norm1_{nullptr};
    WindowAttention attn_{nullptr};
    LayerNorm norm2_{nullptr};
    Mlp mlp_{nullptr};
};
TORCH_MODULE(SwinBlock);

/** Halves the resolution: each 2 × 2 square of tokens becomes one of twice the channels. */
class PatchMergingImpl : public torch::nn::Module {
  public:
    PatchMergingImpl(int64_t dim, int64_t size, double norm_eps)
        : size_(size),
          norm_(register_module("norm", LayerNorm(4 * dim, norm_eps))),
          reduction_(register_module("reduction", Linear(4 * dim, 2 * dim, false))) {}

    torch::Tensor forward(const torch::Tensor& tokens) {
        const int64_t batch = tokens.size(0);
        const torch::Tensor x = tokens.view({batch, size_, size_, -1});
        std::vector<torch::Tensor> corners;
        for (const int64_t column : {0, 1}) {
            for (const int64_t row : {0, 1}) {
                corners.push_back(x.index({Slice(), Slice(row, None, 2), Slice(column, None, 2)}));
            }
        }
        const torch::Tensor merged = torch::cat(corners, -1);
        return reduction_->forward(norm_->forward(merged.view({batch, size_ * size_ / 4, -1})));
    }

  private:
    int64_t size_;
    LayerNorm norm_;
    Linear reduction_;
};
TORCH_MODULE(PatchMerging);

class Swin : public Network {
  public:
    explicit Swin(const SwinConfig& config) {
        add_patch_embed(config);
        auto stages = register_module("layers", torch::nn::ModuleList());
        int64_t size = config.image_size / config.patch_size;
        int64_t dim = config.dim;
        for (std::size_t i = 0; i < config.depths.size(); ++i) {
            const std::string stage_name = fmt::format("layers.{}", i);
            auto stage = std::make_shared<torch::nn::Module>();
            stages->push_back(stage);
            auto blocks = stage->register_module("blocks", torch::nn::ModuleList());
            for (int64_t j = 0; j < config.depths[i]; ++j) {
                SwinBlock block(dim, config.heads[i], size, j % 2 == 1, config);
                blocks->push_back(block);
                add_block(fmt::format("{}.blocks.{}", stage_name, j), Scope::quantized,
                          block->steps());
            }
            if (i + 1 == config.depths.size()) break;
            PatchMerging merging(dim, size, config.norm_eps);
            stage->register_module("downsample", merging);
            add_block(stage_name + ".downsample", merging.ptr(), Scope::quantized);
            size /= 2;
            dim *= 2;
        }
        auto norm = register_module("norm", LayerNorm(dim, config.norm_eps));
        auto head = register_module("head", Linear(dim, config.classes));
        add_block("head", {norm, head}, Scope::kept, [norm, head](torch::Tensor x) {
            return head->forward(norm->forward(x).mean(1));
        });
    }

  private:
    void add_patch_embed(const SwinConfig& config) {
        auto patch_embed = register_module("patch_embed", std::make_shared<torch::nn::Module>());
        Conv2d projection(3, config.dim,
                          Conv2dOptions{.kernel = config.patch_size, .stride = config.patch_size});
        LayerNorm norm(config.dim, config.norm_eps);
        patch_embed->register_module("proj", projection);
        patch_embed->register_module("norm", norm);
        add_block("patch_embed", {patch_embed}, Scope::kept,
                  [projection, norm](torch::Tensor images) mutable {
                      const torch::Tensor patches = projection->forward(images);
                      return norm->forward(patches.flatten(2).transpose(1, 2));
                  });
    }
};

/** Pixels that a window of the last stage spans, in units of its tokens: patches merged thrice. */
constexpr int64_t coarsest_stride = 32;

SwinConfig sized_swin(SwinConfig config, const NetworkSize& size) {
    config.classes = size.classes;
    config.image_size = size.image_size;
    if (size.window > 0) config.window = size.window;
    const int64_t unit = config.window * coarsest_stride;
    if (size.image_size % unit != 0) {
        throw UsageError(
            "model.preprocessing: images of {} pixels are not made of windows of {} × {} tokens; "
            "choose a multiple of {}",
            size.image_size, config.window, config.window, unit);
    }
    return config;
}

/** From the table of biases, [(2·window − 1)², heads]. */
void read_window(const TensorMap& tensors, NetworkSize& size) {
    const auto table = tensors.find("layers.0.blocks.0.attn.relative_position_bias_table");
    if (table == tensors.end() || table->second.shape.empty()) return;
    const auto offsets = std::llround(std::sqrt(static_cast<double>(table->second.shape[0])));
    size.window = (offsets + 1) / 2;
    size.multiple_of = size.window * coarsest_stride;
}

ModelDescription swin_member(const std::string& name, const std::string& tag, double top1,
                             const SwinConfig& config) {
    return timm_member(name, name + "." + tag, bicubic_248(), "MIT", top1,
                       [config](const NetworkSize& size) {
                           return std::make_shared<Swin>(sized_swin(config, size));
                       });
}

}  // namespace

const ModelFamily swin_family{
    .name = "swin",
    .members = {swin_member("swin_tiny_patch4_window7_224", "ms_in1k", 81.388,
                            {.dim = 96, .depths = {2, 2, 6, 2}, .heads = {3, 6, 12, 24}}),
                swin_member("swin_small_patch4_window7_224", "ms_in1k", 83.228,
                            {.dim = 96, .depths = {2, 2, 18, 2}, .heads = {3, 6, 12, 24}}),
                swin_member("swin_base_patch4_window7_224", "ms_in22k_ft_in1k", 85.276,
                            {.dim = 128, .depths = {2, 2, 18, 2}, .heads = {4, 8, 16, 32}})},
    .marks = {{"layers.0.blocks.0.attn.qkv.weight", "a Swin transformer"}},
    .key_maps = swin_key_maps(),
    .classifier = "head",
    .read_size = read_window};

}  // namespace comq
