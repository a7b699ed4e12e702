#include "hash_weights.hpp"

#include <cmath>

#include "core/hash.hpp"
#include "core/random.hpp"

namespace comq::test {

namespace {

bool keeps_constructor_value(const std::string& name) {
    return name.ends_with("num_batches_tracked") || name.ends_with("relative_position_index") ||
           name.ends_with("attn_mask");
}

/** value = offset + factor · u */
struct Scaling {
    double offset;
    double factor;
};

Scaling scaling_of(const std::string& name, const std::vector<int64_t>& shape) {
    if (name == "input") return {0, 1};
    if (name.ends_with("running_var")) return {1, 0.5};
    if (name.ends_with("running_mean") || name.ends_with("bias")) return {0, 0.1};
    if (name.ends_with("weight") && shape.size() >= 2) {
        double inputs = 1;
        for (std::size_t i = 1; i < shape.size(); ++i) inputs *= static_cast<double>(shape[i]);
        return {0, std::sqrt(3 / inputs)};
    }
    if (name.ends_with("weight")) return {1, 0.1};
    return {0, 0.5};
}

}  // namespace

torch::Tensor hash_tensor(const std::string& name, const std::vector<int64_t>& shape) {
    torch::Tensor tensor = torch::empty(shape);
    const Scaling scaling = scaling_of(name, shape);
    const uint64_t key = fnv1a64(name);
    auto* values = tensor.data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i) {
        const uint64_t bits = splitmix64(key + static_cast<uint64_t>(i)) >> 40;
        const double u = static_cast<double>(bits) / (1 << 23) - 1;
        values[i] = static_cast<float>(scaling.offset + scaling.factor * u);
    }
    return tensor;
}

void set_hash_weights(Network& network) {
    const torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : network.state_dict()) {
        if (!keeps_constructor_value(name)) tensor.copy_(hash_tensor(name, tensor.sizes().vec()));
    }
}

torch::Tensor hash_input(int64_t size) { return hash_tensor("input", {2, 3, size, size}); }

double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
    return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

}  // namespace comq::test
