#include "passes/by_few_images.hpp"

#include <vector>

namespace comq {

torch::Tensor run_by_few_images(const Network& network, const torch::Tensor& input,
                                std::size_t from, std::size_t to) {
    constexpr int64_t images_in_cache = 2;
    if (!input.device().is_cpu() || input.size(0) <= images_in_cache) {
        return network.run_steps(input, from, to);
    }
    std::vector<torch::Tensor> outputs;
    for (const auto& few : input.split(images_in_cache)) {
        outputs.push_back(network.run_steps(few, from, to));
    }
    return torch::cat(outputs);
}

}  // namespace comq
