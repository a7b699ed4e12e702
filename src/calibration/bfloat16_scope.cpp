#include "calibration/bfloat16_scope.hpp"

namespace comq {

BFloat16Scope::BFloat16Scope(Network& network) {
    const torch::NoGradGuard no_gradient;
    const auto convert = [&](const torch::Tensor& tensor) {
        if (!tensor.is_floating_point()) return;
        saved_.emplace_back(tensor, tensor.data());
        saved_.back().first.set_data(tensor.to(torch::kBFloat16));
    };
    for (const auto& [name, tensor] : network.state_dict()) convert(tensor);
    for (const auto& tensor : network.constants()) convert(tensor);
}

BFloat16Scope::~BFloat16Scope() {
    for (auto& [tensor, data] : saved_) tensor.set_data(data);
}

bool cpu_has_bfloat16() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
}

}  // namespace comq
