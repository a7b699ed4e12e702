#pragma once

#include <string>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/** The parts of a ViT that read and write its residual stream, found by timm's names. */
struct VitParts {
    struct Block {
        Observable* norm1;
        Observable* qkv;
        Observable* proj;
        Observable* norm2;
        Observable* fc1;
        Observable* fc2;
    };
    /** Layer scales [dim] behind `proj` and `fc2`; undefined where there are none. */
    struct Scales {
        torch::Tensor attention;
        torch::Tensor mlp;
    };

    int64_t dim = 0;
    Observable* patches = nullptr;
    std::vector<torch::Tensor> embeddings;  ///< [1, tokens, dim]: class token, positions, registers
    std::vector<Block> blocks;
    std::vector<Scales> scales;  ///< by block
    Observable* norm = nullptr;
    std::vector<Observable*> heads;
};

/** Throws UsageError, citing `key` and the tensor or layer that is missing. */
VitParts find_vit_parts(const Network& network, const std::string& key);

}  // namespace comq
