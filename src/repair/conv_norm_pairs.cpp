#include "repair/conv_norm_pairs.hpp"

namespace comq {

std::vector<ConvNormPair> conv_norm_pairs(const Network& network) {
    std::vector<ConvNormPair> pairs;
    Observable* last = nullptr;
    for (const auto& entry : network.observables()) {
        Observable* observable = entry.observable;
        if (observable->kind() == ObservableKind::convolution) {
            last = observable;
        } else if (observable->kind() == ObservableKind::batch_norm) {
            if (last != nullptr && last->weight().size(0) == observable->weight().size(0)) {
                pairs.push_back({last, observable});
            }
            last = nullptr;
        }
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
