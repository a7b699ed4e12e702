#include "weights/augreg_vit.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <set>
#include <span>

#include "core/errors.hpp"
#include "weights/strided_copy.hpp"

namespace comq {
namespace {

/** Present in checkpoints saved with the optimizer's state around them. */
constexpr std::string_view optimizer_prefix = "opt/target/";
constexpr std::string_view marker = "Transformer/encoder_norm/scale";

HostTensor reshaped(HostTensor tensor, std::vector<int64_t> shape) {
    tensor.shape = std::move(shape);
    return tensor;
}

/** The rows of several tensors of equal dtype and row length, one below the other. */
HostTensor stacked(std::span<const HostTensor> parts) {
    HostTensor whole = parts.front();
    std::size_t nbytes = 0;
    whole.shape[0] = 0;
    for (const HostTensor& part : parts) {
        whole.shape[0] += part.shape[0];
        nbytes += part.nbytes();
    }
    std::shared_ptr<std::byte[]> buffer(new std::byte[nbytes]);
    std::byte* out = buffer.get();
    for (const HostTensor& part : parts) {
        std::memcpy(out, part.data.get(), part.nbytes());
        out += part.nbytes();
    }
    whole.data = {buffer, buffer.get()};
    return whole;
}

class Converter {
  public:
    Converter(const TensorMap& arrays, const std::string& file) : arrays_(arrays), file_(file) {
        if (!arrays_.contains(std::string(marker))) prefix_ = optimizer_prefix;
    }

    TensorMap convert() {
        tensors_["patch_embed.proj.weight"] =
            permute(array("embedding/kernel", 4), std::array<int64_t, 4>{3, 2, 0, 1});
        tensors_["patch_embed.proj.bias"] = array("embedding/bias", 1);
        tensors_["cls_token"] = array("cls", 3);
        tensors_["pos_embed"] = array("Transformer/posembed_input/pos_embedding", 3);
        for (int i = 0; contains(fmt::format("{}LayerNorm_0/scale", block(i))); ++i)
            convert_block(i);
        norm("Transformer/encoder_norm/", "norm");
        if (contains("pre_logits/kernel")) dense("pre_logits/", "pre_logits.fc");
        dense("head/", "head");
        refuse_unknown();
        return std::move(tensors_);
    }

  private:
    static std::string block(int i) { return fmt::format("Transformer/encoderblock_{}/", i); }

    bool contains(const std::string& name) const { return arrays_.contains(prefix_ + name); }

    const HostTensor& array(const std::string& name, std::size_t dimensions) {
        const auto found = arrays_.find(prefix_ + name);
        if (found == arrays_.end()) {
            throw InputError("{}: array '{}' is missing: not a whole ViT checkpoint", file_,
                             prefix_ + name);
        }
        if (found->second.shape.size() != dimensions) {
            throw InputError("{}: array '{}' has shape {}; {} dimensions are expected", file_,
                             found->first, format_shape(found->second.shape), dimensions);
        }
        used_.insert(found->first);
        return found->second;
    }

    void norm(const std::string& from, const std::string& to) {
        tensors_[to + ".weight"] = array(from + "scale", 1);
        tensors_[to + ".bias"] = array(from + "bias", 1);
    }

    void dense(const std::string& from, const std::string& to) {
        tensors_[to + ".weight"] = permute(array(from + "kernel", 2), std::array<int64_t, 2>{1, 0});
        tensors_[to + ".bias"] = array(from + "bias", 1);
    }

    void convert_block(int i) {
        const std::string from = block(i);
        const std::string to = fmt::format("blocks.{}.", i);
        norm(from + "LayerNorm_0/", to + "norm1");
        norm(from + "LayerNorm_2/", to + "norm2");
        attention(from + "MultiHeadDotProductAttention_1/", to + "attn.");
        dense(from + "MlpBlock_3/Dense_0/", to + "mlp.fc1");
        dense(from + "MlpBlock_3/Dense_1/", to + "mlp.fc2");
    }

    void attention(const std::string& from, const std::string& to) {
        std::array<HostTensor, 3> weights;
        std::array<HostTensor, 3> biases;
        constexpr std::array<const char*, 3> names{"query", "key", "value"};
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::string name = from + names[i];
            const HostTensor& kernel = array(name + "/kernel", 3);  // [dim, heads, head_dim]
            const HostTensor& bias = array(name + "/bias", 2);      // [heads, head_dim]
            const int64_t width = kernel.shape[1] * kernel.shape[2];
            if (bias.numel() != width || kernel.dtype != array(from + "query/kernel", 3).dtype ||
                bias.dtype != array(from + "query/bias", 2).dtype ||
                kernel.shape != array(from + "query/kernel", 3).shape) {
                throw InputError("{}: array '{}' doesn't fit the query's", file_, name);
            }
            weights[i] = reshaped(permute(kernel, std::array<int64_t, 3>{1, 2, 0}),
                                  {width, kernel.shape[0]});
            biases[i] = reshaped(bias, {width});
        }
        tensors_[to + "qkv.weight"] = stacked(weights);
        tensors_[to + "qkv.bias"] = stacked(biases);
        const HostTensor& out = array(from + "out/kernel", 3);  // [heads, head_dim, dim]
        tensors_[to + "proj.weight"] = reshaped(permute(out, std::array<int64_t, 3>{2, 0, 1}),
                                                {out.shape[2], out.shape[0] * out.shape[1]});
        tensors_[to + "proj.bias"] = array(from + "out/bias", 1);
    }

    /** The optimizer's other arrays are no part of the network. */
    void refuse_unknown() const {
        for (const auto& [name, tensor] : arrays_) {
            if (name.starts_with(prefix_) && !used_.contains(name)) {
                throw InputError(
                    "{}: array '{}' is none of a plain Vision Transformer's (hybrids "
                    "are not supported)",
                    file_, name);
            }
        }
    }

    const TensorMap& arrays_;
    const std::string& file_;
    std::string prefix_;
    std::set<std::string> used_;
    TensorMap tensors_;
};

}  // namespace

bool is_augreg_vit(const TensorMap& arrays) {
    const std::string name(marker);
    return arrays.contains(name) || arrays.contains(std::string(optimizer_prefix) + name);
}

TensorMap tensors_of_augreg_vit(const TensorMap& arrays, const std::string& file) {
    return Converter(arrays, file).convert();
}

}  // namespace comq
