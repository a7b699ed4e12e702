#include "repair/numbered_tensors.hpp"

#include <fmt/format.h>

#include "torch_bridge/bridge.hpp"

namespace comq {

TensorMap by_number(const std::string& name, const std::vector<torch::Tensor>& tensors) {
    TensorMap map;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        map[fmt::format("{}/{}", name, i)] = to_host(tensors[i].to(torch::kCPU).contiguous());
    }
    return map;
}

std::vector<torch::Tensor> numbered(const std::string& name, const TensorMap& map) {
    std::vector<torch::Tensor> tensors;
    for (auto found = map.find(name + "/0"); found != map.end();
         found = map.find(fmt::format("{}/{}", name, tensors.size()))) {
        tensors.push_back(to_torch(found->second));
    }
    return tensors;
}

}  // namespace comq
