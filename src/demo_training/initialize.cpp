#include "demo_training/initialize.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string>
#include <utility>

#include "core/random.hpp"

namespace comq {

namespace {

void draw_normal(torch::Tensor& tensor, const RandomStream& stream, double deviation) {
    auto* values = tensor.data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i) {
        const double z = std::clamp(stream.normal(static_cast<uint64_t>(i)), -2.0, 2.0);
        values[i] = static_cast<float>(deviation * z);
    }
}

/**
 * `[1, tokens, dim]`: a quarter of the channels each for sine and cosine of row and column, over a
 * geometric series of wavelengths from 2 patches to twice the grid; the tokens before the grid
 * keep 0.
 */
void set_positions(torch::Tensor& embedding) {
    const int64_t tokens = embedding.size(1), quarter = embedding.size(2) / 4;
    const auto grid = static_cast<int64_t>(std::sqrt(static_cast<double>(tokens)));
    constexpr double amplitude = 0.5;
    embedding.zero_();
    auto values = embedding.accessor<float, 3>();
    for (int64_t patch = 0; patch < grid * grid; ++patch) {
        auto token = values[0][tokens - grid * grid + patch];
        for (int64_t i = 0; i < quarter; ++i) {
            const double share = static_cast<double>(i) / static_cast<double>(quarter - 1);
            const double wavelength = 2.0 * std::pow(static_cast<double>(grid), share);
            const double frequency = 2.0 * std::numbers::pi / wavelength;
            const double row = frequency * static_cast<double>(patch / grid);
            const double column = frequency * static_cast<double>(patch % grid);
            token[i] = static_cast<float>(amplitude * std::sin(row));
            token[quarter + i] = static_cast<float>(amplitude * std::cos(row));
            token[2 * quarter + i] = static_cast<float>(amplitude * std::sin(column));
            token[3 * quarter + i] = static_cast<float>(amplitude * std::cos(column));
        }
    }
}

/** exp(deviation · z) for standard normal draws z. */
torch::Tensor log_normal(int64_t count, const RandomStream& stream, double deviation) {
    torch::Tensor factors = torch::empty({count});
    for (int64_t i = 0; i < count; ++i) {
        factors[i] = deviation * stream.normal(static_cast<uint64_t>(i));
    }
    return factors.exp_();
}

}  // namespace

void initialize_parameters(Network& network, uint64_t seed) {
    const torch::NoGradGuard no_gradient;
    const RandomStream stream(seed, "initialization");
    for (auto& [name, tensor] : network.state_dict()) {
        const double inputs =
            tensor.dim() > 0 ? static_cast<double>(tensor.numel() / tensor.size(0)) : 1.0;
        switch (tensor.dim()) {
            case 4:
                draw_normal(tensor, stream.child(name), std::sqrt(2.0 / inputs));
                break;
            case 3:
                if (name == "pos_embed") {
                    set_positions(tensor);
                } else {
                    tensor.zero_();
                }
                break;
            case 2:
                draw_normal(tensor, stream.child(name), 0.5 / std::sqrt(inputs));
                break;
            default:
                tensor.fill_(name.ends_with("weight") || name.ends_with("running_var") ? 1 : 0);
        }
    }
}

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
