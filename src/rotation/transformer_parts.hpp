#pragma once

#include <string>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/**
 * The parts of a transformer that read and write its residual streams, found by timm's names. A ViT
 * has one stream, a Swin transformer one a stage.
 */
struct TransformerParts {
    struct Block {
        Observable* norm1;
        Observable* qkv;
        Observable* proj;
        Observable* norm2;
        Observable* fc1;
        Observable* fc2;
        torch::Tensor attention_scale;  ///< of the layer scale behind `proj`, [dim], or undefined
        torch::Tensor mlp_scale;        ///< likewise behind `fc2`
    };

    struct Stream {
        int64_t dim = 0;
        /** Its output is the stream's tokens; null where that goes through a norm with a scale. */
        Observable* source = nullptr;
        std::vector<torch::Tensor> embeddings;  ///< [1, tokens, dim]: class token, positions
        std::vector<Block> blocks;
        Observable* norm = nullptr;  ///< at its end, [dim], or [4·dim] where four tokens are merged
        std::vector<Observable*> readers;  ///< of what `norm` puts out
    };
    std::vector<Stream> streams;  ///< each made of the one before
};

/** Throws UsageError, citing `key` and the tensor or layer that is missing. */
TransformerParts find_transformer_parts(const Network& network, const std::string& key);

}  // namespace comq
