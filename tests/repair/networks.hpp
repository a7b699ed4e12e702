#pragma once

#include <atomic>
#include <memory>
#include <numeric>
#include <string>

#include "core/progress.hpp"
#include "networks/hash_weights.hpp"
#include "networks/registry.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/batch_pixels.hpp"

namespace comq::test {

inline const std::atomic<bool> never_stop{false};

inline std::shared_ptr<Network> hash_network(const std::string& name) {
    Progress::set_quiet(true);
    auto network = find_model(name).make();
    set_hash_weights(*network);
    network->eval();
    return network;
}

/** Rounds the weights of all layers to a few levels, so that there is something to repair. */
inline void round_weights(Network& network) {
    const torch::NoGradGuard no_gradient;
    for (const auto& entry : network.layers()) {
        torch::Tensor& weight = entry.layer->weight();
        const auto step = weight.abs().amax() / 2;
        weight.copy_((weight / step).round() * step);
    }
}

inline ImageSet images_of(const ImageSource& source, const std::string& model, int64_t batch_size) {
    std::vector<int64_t> indices(static_cast<std::size_t>(source.size()));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    return {&source, std::move(indices), find_model(model).preprocessing, batch_size};
}

/** All images of `images` in their order, preprocessed. */
inline torch::Tensor pixels_of(const ImageSet& images) {
    std::vector<torch::Tensor> parts;
    BadImages bad(0);
    for_each_batch(*images.source, images.indices, images.preprocessing, images.batch_size, bad,
                   [&](ImageBatch&& batch) { parts.push_back(batch_pixels(batch).clone()); });
    return torch::cat(parts);
}

}  // namespace comq::test
