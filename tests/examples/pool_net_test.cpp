#include "examples/pool_net.hpp"

#include "networks/network.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("example: a network that its own description makes") {
    REQUIRE(pool_net_family.members.size() == 1);
    const ModelDescription& description = pool_net_family.members.front();
    const auto network = description.make();
    const torch::InferenceMode inference;
    CHECK(network->forward(torch::zeros({2, 3, 32, 32})).sizes() ==
          torch::IntArrayRef({2, description.classes}));
    REQUIRE(network->layers().size() == 3);
    CHECK(network->layers()[1].layer->name() == "body");
    CHECK(network->layers()[1].quantized_by_default);
    CHECK_FALSE(network->layers()[2].quantized_by_default);
    CHECK(network->state_dict().front().first == "stem.weight");
}
