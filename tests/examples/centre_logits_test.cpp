#include "examples/centre_logits.hpp"
#include "repair/networks.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("example: centred logits are right on average") {
    const auto original = test::hash_network("demo_cnn"), network = test::hash_network("demo_cnn");
    test::round_weights(*network);
    const test::MemorySource source(10, 32);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad);
    CHECK(test::apply(centre_logits_repair, *original, *network, pass).count == 1);
    const torch::NoGradGuard no_gradient;
    const auto pixels = test::pixels_of(pass);
    const auto error = network->forward(pixels) - original->forward(pixels);
    CHECK(error.mean(0).abs().max().item<double>() < 1e-5 * error.abs().max().item<double>());
}
