#include "demo_training/spread_gains.hpp"

#include <map>
#include <string>
#include <utility>

#include "core/random.hpp"

namespace comq {

namespace {

/** exp(deviation · z) for standard normal draws z. */
torch::Tensor log_normal(int64_t count, const RandomStream& stream, double deviation) {
    torch::Tensor factors = torch::empty({count});
    for (int64_t i = 0; i < count; ++i) {
        factors[i] = deviation * stream.normal(static_cast<uint64_t>(i));
    }
    return factors.exp_();
}

}  // namespace

void spread_gains(Network& network, uint64_t seed) {
    constexpr double deviation = 0.7;
    const std::pair<std::string, std::string> pairs[] = {{"norm1", "attn.qkv"},
                                                         {"norm2", "mlp.fc1"}};
    const torch::NoGradGuard no_gradient;
    const RandomStream stream(seed, "spread of gains");
    std::map<std::string, torch::Tensor> tensors;
    for (const auto& [name, tensor] : network.state_dict()) tensors[name] = tensor;
    for (auto& [name, gain] : tensors) {
        for (const auto& [norm, matrix] : pairs) {
            const std::string suffix = "." + norm + ".weight";
            if (!name.ends_with(suffix)) continue;
            const std::string block = name.substr(0, name.size() - suffix.size()) + ".";
            const torch::Tensor factors = log_normal(gain.numel(), stream.child(name), deviation);
            gain.mul_(factors);
            tensors.at(block + norm + ".bias").mul_(factors);
            tensors.at(block + matrix + ".weight").div_(factors);
        }
    }
}

}  // namespace comq
