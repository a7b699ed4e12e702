#include "rotation/orthogonal.hpp"

#include "support/catch.hpp"

using namespace comq;

namespace {

double distance_from_identity(const torch::Tensor& matrix) {
    const auto product = matrix.matmul(matrix.t());
    return (product - torch::eye(matrix.size(0), torch::kDouble)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("random matrices are orthogonal, the same for the same stream, of either sign") {
    for (const int64_t order : {1, 2, 5, 64}) {
        const auto matrix = random_orthogonal(RandomStream(3, "a"), order);
        CHECK(distance_from_identity(matrix) < 1e-13);
        CHECK(torch::equal(matrix, random_orthogonal(RandomStream(3, "a"), order)));
        CHECK_FALSE(torch::equal(matrix, random_orthogonal(RandomStream(4, "a"), order).abs() * 2));
    }
    // Haar's measure has mean 0 and variance 1/n in each entry.
    double sum = 0.0, squares = 0.0;
    for (uint64_t seed = 0; seed < 400; ++seed) {
        const double entry = random_orthogonal(RandomStream(seed, "b"), 4)[0][0].item<double>();
        sum += entry;
        squares += entry * entry;
    }
    CHECK(std::abs(sum / 400) < 4 * 0.5 / 20);
    CHECK(squares / 400 == Approx(0.25).epsilon(0.2));
}

TEST_CASE("mean-preserving rotations commute with the normalisation of a token") {
    for (const int64_t order : {2, 7, 192}) {
        const auto rotation = random_mean_preserving(RandomStream(1, "c"), order);
        CHECK(distance_from_identity(rotation) < 1e-13);
        CHECK((rotation.sum(1) - 1.0).abs().max().item<double>() < 1e-13);
        const auto tokens = torch::arange(3 * order, torch::kDouble).reshape({3, order}).sin();
        const auto normed = [&](const torch::Tensor& x) {
            return torch::layer_norm(x, {order}, {}, {}, 1e-6);
        };
        const auto difference = normed(tokens.matmul(rotation)) - normed(tokens).matmul(rotation);
        CHECK(difference.abs().max().item<double>() < 1e-12);
    }
    const auto plain = random_orthogonal(RandomStream(1, "c"), 7);
    CHECK((plain.sum(1) - 1.0).abs().max().item<double>() > 0.1);
}
