#include "rotation/orthogonal.hpp"

#include <cmath>
#include <tuple>

#include "core/check.hpp"

namespace comq {

torch::Tensor random_orthogonal(const RandomStream& stream, int64_t order) {
    auto gaussian = torch::empty({order, order}, torch::kDouble);
    auto* values = gaussian.data_ptr<double>();
    for (int64_t i = 0; i < gaussian.numel(); ++i) {
        values[i] = stream.normal(static_cast<uint64_t>(i));
    }
    const auto [q, r] = torch::linalg_qr(gaussian);
    return q * r.diagonal().sign();
}

torch::Tensor random_mean_preserving(const RandomStream& stream, int64_t order) {
    COMQ_CHECK(order >= 2);
    // Householder's reflection that exchanges the first unit vector and 1/√n.
    auto normal =
        torch::full({order}, -1.0 / std::sqrt(static_cast<double>(order)), torch::kDouble);
    normal[0] += 1.0;
    normal /= normal.norm();
    const auto basis = torch::eye(order, torch::kDouble) - 2.0 * torch::outer(normal, normal);
    auto middle = torch::eye(order, torch::kDouble);
    middle.slice(0, 1).slice(1, 1).copy_(random_orthogonal(stream, order - 1));
    return basis.matmul(middle).matmul(basis.t());
}

}  // namespace comq
