#include "rotation/rotate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "networks/same_function.hpp"
#include "rotation/equalize.hpp"
#include "rotation/orthogonal.hpp"
#include "rotation/transformer_parts.hpp"

namespace comq {

namespace {

// Products are taken in fp64: a rotation then costs a weight no more than one rounding.

void multiply_left(const torch::Tensor& matrix, const torch::Tensor& tensor) {
    const auto rows = tensor.to(torch::kDouble).reshape({tensor.size(0), -1});
    torch::Tensor(tensor).copy_(matrix.matmul(rows).view(tensor.sizes()));
}

void multiply_right(const torch::Tensor& tensor, const torch::Tensor& matrix) {
    torch::Tensor(tensor).copy_(tensor.to(torch::kDouble).matmul(matrix));
}

/** Its output becomes y·R: W ← RᵀW, b ← Rᵀb. */
void rotate_output(Observable& layer, const torch::Tensor& rotation) {
    multiply_left(rotation.t(), layer.weight());
    if (layer.bias().defined()) multiply_left(rotation.t(), layer.bias());
}

/**
 * W ← W·diag(γ), b ← b + W·β for every reader of a norm, whose γ becomes 1 and β 0. Where a reader
 * has no bias, β/γ stays in the norm.
 */
void move_affine(Observable& norm, const std::vector<Observable*>& readers) {
    const auto scale = norm.weight().to(torch::kDouble);
    const auto shift = norm.bias().to(torch::kDouble);
    const bool keeps_shift = std::ranges::any_of(
        readers, [](const Observable* reader) { return !reader->bias().defined(); });
    for (Observable* reader : readers) {
        const auto weight = reader->weight().to(torch::kDouble);
        if (!keeps_shift) reader->bias().add_(weight.matmul(shift));
        reader->weight().copy_(weight * scale);
    }
    norm.weight().fill_(1.0);
    if (keeps_shift) {
        norm.bias().copy_(shift / scale);
    } else {
        norm.bias().zero_();
    }
}

/** A layer scale γ behind `layer` moves into it. */
void move_scale(const torch::Tensor& scale, Observable& layer) {
    if (!scale.defined()) return;
    layer.weight().mul_(scale.view({-1, 1}));
    if (layer.bias().defined()) layer.bias().mul_(scale);
    torch::Tensor(scale).fill_(1.0);
}

/** Of tokens that go through a norm `count` at a time, one behind the other. */
torch::Tensor rotation_of(const torch::Tensor& rotation, int64_t count) {
    return torch::block_diag(std::vector<torch::Tensor>(static_cast<std::size_t>(count), rotation));
}

void rotate_residual(const TransformerParts::Stream& stream, const RandomStream& draws) {
    if (stream.source == nullptr) return;
    const auto rotation =
        random_mean_preserving(draws, stream.dim).to(stream.norm->weight().device());
    const auto rotate_readers = [&](Observable& norm, const std::vector<Observable*>& readers) {
        move_affine(norm, readers);
        const auto whole = rotation_of(rotation, norm.weight().size(0) / stream.dim);
        multiply_right(norm.bias(), whole);
        for (Observable* reader : readers) multiply_right(reader->weight(), whole);
    };
    rotate_output(*stream.source, rotation);
    for (const auto& embedding : stream.embeddings) multiply_right(embedding, rotation);
    for (const TransformerParts::Block& block : stream.blocks) {
        move_scale(block.attention_scale, *block.proj);
        move_scale(block.mlp_scale, *block.fc2);
        rotate_readers(*block.norm1, {block.qkv});
        rotate_output(*block.proj, rotation);
        rotate_readers(*block.norm2, {block.fc1});
        rotate_output(*block.fc2, rotation);
    }
    rotate_readers(*stream.norm, stream.readers);
}

/** The rows of `qkv` that make queries (0), keys (1) or values (2) of a head. */
torch::Tensor rows_of_head(const torch::Tensor& tensor, int64_t part, int64_t heads, int64_t head) {
    const int64_t dim = tensor.size(0) / 3, width = dim / heads;
    return tensor.narrow(0, part * dim + head * width, width);
}

void rotate_head(Observable& qkv, int64_t part, int64_t heads, int64_t head,
                 const torch::Tensor& rotation) {
    multiply_left(rotation.t(), rows_of_head(qkv.weight(), part, heads, head));
    if (qkv.bias().defined()) {
        multiply_left(rotation.t(), rows_of_head(qkv.bias(), part, heads, head));
    }
}

void rotate_heads(const TransformerParts::Block& block, int64_t heads, const RotationConfig& config,
                  const RandomStream& stream) {
    const int64_t width = block.proj->weight().size(1) / heads;
    const auto device = block.proj->weight().device();
    for (int64_t head = 0; head < heads; ++head) {
        const auto of_head = stream.child(std::to_string(head));
        if (config.values) {
            const auto rotation = random_orthogonal(of_head.child("values"), width).to(device);
            rotate_head(*block.qkv, 2, heads, head, rotation);
            multiply_right(block.proj->weight().narrow(1, head * width, width), rotation);
        }
        if (config.query_key) {
            const auto rotation = random_orthogonal(of_head.child("query_key"), width).to(device);
            rotate_head(*block.qkv, 0, heads, head, rotation);
            rotate_head(*block.qkv, 1, heads, head, rotation);
        }
    }
}

/**
 * How many heads a block has: nothing but the function tells. Rotating the values of groups of
 * `width` outputs leaves it as it is exactly when they do not cross heads, so the widest such
 * groups are heads. Leaves the weights as they were.
 */
int64_t count_heads(const TransformerParts::Block& block, const SameFunction& function) {
    const auto kept_qkv = block.qkv->weight().clone(), kept_proj = block.proj->weight().clone();
    const auto kept_bias =
        block.qkv->bias().defined() ? block.qkv->bias().clone() : torch::Tensor();
    const int64_t dim = block.proj->weight().size(1);
    for (int64_t heads = 1; heads <= dim / 2; ++heads) {
        if (dim % heads != 0) continue;
        rotate_heads(block, heads, {.values = true}, RandomStream(0, "heads"));
        const bool same = function.change() < SameFunction::tolerance;
        block.qkv->weight().copy_(kept_qkv);
        block.proj->weight().copy_(kept_proj);
        if (kept_bias.defined()) block.qkv->bias().copy_(kept_bias);
        if (same) return heads;
    }
    throw UsageError(
        "rotation.values: no width of heads leaves the function of the network as it is; set "
        "rotation.values and rotation.query_key to false");
}

}  // namespace

void rotate(Network& network, const RotationConfig& config, const RotationTrial& trial,
            int64_t image_size) {
    if (config.equalization) equalize(network, trial.share, image_size);
    if (!config.rotates()) return;
    const torch::NoGradGuard no_gradient;
    const char* key = config.residual ? "rotation.residual" : "rotation.values";
    const TransformerParts parts = find_transformer_parts(network, key);
    const SameFunction function(network, image_size);
    const RandomStream stream(trial.seed, "rotation");
    int64_t number = 0;  // of the block
    for (const TransformerParts::Stream& of_stage : parts.streams) {
        if (!config.values && !config.query_key) break;
        const int64_t heads = count_heads(of_stage.blocks.front(), function);
        for (const TransformerParts::Block& block : of_stage.blocks) {
            rotate_heads(block, heads, config, stream.child(fmt::format("block {}", number++)));
        }
    }
    for (std::size_t i = 0; config.residual && i < parts.streams.size(); ++i) {
        const auto draws = stream.child("residual");
        rotate_residual(parts.streams[i], i == 0 ? draws : draws.child(fmt::format("stage {}", i)));
    }
    if (const double change = function.change(); !(change < SameFunction::tolerance)) {
        throw UsageError(
            "{}: {} computes something else when it is rotated (its logits change by {:.1e}), so "
            "it is no plain transformer; set the keys of the section to false",
            key, network.model_name(), change);
    }
}

}  // namespace comq
