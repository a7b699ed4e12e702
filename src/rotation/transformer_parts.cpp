#include "rotation/transformer_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/errors.hpp"

namespace comq {

namespace {

class PartSearch {
  public:
    PartSearch(const Network& network, const std::string& key) : network_(network), key_(key) {
        for (const auto& entry : network.observables()) {
            observables_[entry.observable->name()] = entry.observable;
        }
        for (const auto& [name, tensor] : network.state_dict()) tensors_[name] = tensor;
    }

    TransformerParts run() const {
        return has(block_of_stage(0) + "0.attn.qkv") ? swin_parts() : vit_parts();
    }

  private:
    using Stream = TransformerParts::Stream;

    TransformerParts vit_parts() const {
        Stream stream;
        stream.source = observable("patch_embed.proj");
        stream.dim = stream.source->weight().size(0);
        for (const auto& [name, tensor] : tensors_) {
            if (is_embedding(name)) stream.embeddings.push_back(embedding(name, tensor, stream));
        }
        add_blocks("blocks.", stream);
        end_in_heads(stream);
        return {{stream}};
    }

    TransformerParts swin_parts() const {
        // timm has a stage begin with its merging since 0.9; before, the stage before ended in it.
        const bool ends_in_merging = has("layers.0.downsample.norm");
        const auto behind_stage = [&](int64_t i, const char* part) {
            return fmt::format("layers.{}.downsample.{}", ends_in_merging ? i : i + 1, part);
        };
        TransformerParts parts;
        for (int64_t i = 0; has(block_of_stage(i) + "0.norm1"); ++i) {
            Stream stream;
            add_blocks(block_of_stage(i), stream);
            stream.dim = stream.blocks.front().proj->weight().size(0);
            if (i > 0) {
                stream.source = observable(behind_stage(i - 1, "reduction"));
            } else if (!has("patch_embed.norm")) {
                stream.source = observable("patch_embed.proj");
            }
            if (has(block_of_stage(i + 1) + "0.norm1")) {
                stream.norm = observable(behind_stage(i, "norm"));
                stream.readers = {observable(behind_stage(i, "reduction"))};
            } else {
                end_in_heads(stream);
            }
            parts.streams.push_back(stream);
        }
        return parts;
    }

    static std::string block_of_stage(int64_t i) { return fmt::format("layers.{}.blocks.", i); }

    void add_blocks(const std::string& prefix, Stream& stream) const {
        for (int64_t i = 0; i == 0 || has(fmt::format("{}{}.norm1", prefix, i)); ++i) {
            const auto part = [&](const char* name) {
                return fmt::format("{}{}.{}", prefix, i, name);
            };
            stream.blocks.push_back({observable(part("norm1")), observable(part("attn.qkv")),
                                     observable(part("attn.proj")), observable(part("norm2")),
                                     observable(part("mlp.fc1")), observable(part("mlp.fc2")),
                                     tensor(part("ls1.gamma")), tensor(part("ls2.gamma"))});
        }
    }

    void end_in_heads(Stream& stream) const {
        stream.norm = observable("norm");
        for (const char* name : {"head", "head_dist", "head.fc"}) {
            if (has(name)) stream.readers.push_back(observables_.at(name));
        }
        if (stream.readers.empty()) refuse("head");
    }

    static bool is_embedding(const std::string& name) {
        return std::ranges::find(embeddings, name) != std::end(embeddings);
    }

    torch::Tensor embedding(const std::string& name, const torch::Tensor& tensor,
                            const Stream& stream) const {
        if (tensor.dim() == 0 || tensor.size(-1) != stream.dim) refuse(name);
        return tensor;
    }

    bool has(const std::string& name) const { return observables_.contains(name); }

    Observable* observable(const std::string& name) const {
        const auto found = observables_.find(name);
        if (found == observables_.end()) refuse(name);
        return found->second;
    }

    torch::Tensor tensor(const std::string& name) const {
        const auto found = tensors_.find(name);
        return found == tensors_.end() ? torch::Tensor() : found->second;
    }

    [[noreturn]] void refuse(const std::string& missing) const {
        throw UsageError(
            "{}: {} is no ViT or Swin transformer of timm's structure, whose '{}' it does not "
            "have; set the key to false",
            key_, network_.model_name(), missing);
    }

    static constexpr const char* embeddings[] = {"cls_token", "dist_token", "reg_token",
                                                 "pos_embed"};

    const Network& network_;
    const std::string& key_;
    std::map<std::string, Observable*> observables_;
    std::map<std::string, torch::Tensor> tensors_;
};

}  // namespace

TransformerParts find_transformer_parts(const Network& network, const std::string& key) {
    return PartSearch(network, key).run();
}

}  // namespace comq
