#include "rotation/vit_parts.hpp"

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

    VitParts run() const {
        VitParts parts;
        parts.patches = observable("patch_embed.proj");
        parts.dim = parts.patches->weight().size(0);
        for (const auto& [name, tensor] : tensors_) {
            if (is_embedding(name)) parts.embeddings.push_back(embedding(name, tensor, parts.dim));
        }
        const auto block_of = [](int64_t i, const char* part) {
            return fmt::format("blocks.{}.{}", i, part);
        };
        for (int64_t i = 0; i == 0 || observables_.contains(block_of(i, "norm1")); ++i) {
            parts.blocks.push_back(
                {observable(block_of(i, "norm1")), observable(block_of(i, "attn.qkv")),
                 observable(block_of(i, "attn.proj")), observable(block_of(i, "norm2")),
                 observable(block_of(i, "mlp.fc1")), observable(block_of(i, "mlp.fc2"))});
            parts.scales.push_back(
                {tensor(block_of(i, "ls1.gamma")), tensor(block_of(i, "ls2.gamma"))});
        }
        parts.norm = observable("norm");
        for (const char* name : {"head", "head_dist"}) {
            if (observables_.contains(name)) parts.heads.push_back(observables_.at(name));
        }
        if (parts.heads.empty()) refuse("head");
        return parts;
    }

  private:
    static bool is_embedding(const std::string& name) {
        return std::ranges::find(embeddings, name) != std::end(embeddings);
    }

    torch::Tensor embedding(const std::string& name, const torch::Tensor& tensor,
                            int64_t dim) const {
        if (tensor.dim() == 0 || tensor.size(-1) != dim) refuse(name);
        return tensor;
    }

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
            "{}: {} is no ViT of timm's structure, whose '{}' it does not have; set the key to "
            "false",
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

VitParts find_vit_parts(const Network& network, const std::string& key) {
    return PartSearch(network, key).run();
}

}  // namespace comq
