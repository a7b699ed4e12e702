#include "repair/repair.hpp"

namespace comq {

std::vector<const Repair*> repairs_of(const RepairConfig& config) {
    std::vector<const Repair*> repairs;
#define COMQ_ADD_REPAIR(repair) \
    if (repair.enabled(config)) repairs.push_back(&repair);
    COMQ_REPAIRS(COMQ_ADD_REPAIR)
#undef COMQ_ADD_REPAIR
    return repairs;
}

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
