#include "repair/conv_norm_pairs.hpp"

namespace comq {

std::vector<ConvNormPair> conv_norm_pairs(const Network& network) {
    std::vector<ConvNormPair> pairs;
    for (const auto& entry : network.observables()) {
        if (entry.convolution != nullptr) pairs.push_back({entry.convolution, entry.observable});
    }
    return pairs;
}

std::map<const Observable*, torch::Tensor> means_behind(const Network& network) {
    std::map<const Observable*, torch::Tensor> means;
    for (const auto& pair : conv_norm_pairs(network)) {
        means[pair.convolution] = pair.norm->batch_statistics()->mean;
    }
    return means;
}

}  // namespace comq
