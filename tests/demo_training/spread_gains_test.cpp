
#include <map>
#include <string>

#include "demo_training/initialize.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::map<std::string, torch::Tensor> copy_of_tensors(const Network& network) {
    std::map<std::string, torch::Tensor> tensors;
    for (const auto& [name, tensor] : network.state_dict()) tensors[name] = tensor.detach().clone();
    return tensors;
}

}  // namespace

TEST_CASE("spread gains leave a transformer's function as it is and its matrices uneven") {
    const auto network = find_model("demo_vit").make();
    initialize_parameters(*network, 1);
    const torch::NoGradGuard no_gradient;
    const torch::Tensor images = torch::sin(torch::arange(4 * 3 * 32 * 32)).view({4, 3, 32, 32});
    const torch::Tensor logits = network->forward(images);
    const auto before = copy_of_tensors(*network);
    spread_gains(*network, 1);
    const auto after = copy_of_tensors(*network);

    // Float rounding through five blocks.
    CHECK(torch::allclose(network->forward(images), logits, 1e-4, 1e-5));
    const torch::Tensor factors =
        after.at("blocks.3.norm2.weight") / before.at("blocks.3.norm2.weight");
    // 64 draws: five standard errors of their deviation are 44%.
    CHECK(factors.log().std().item<double>() == Approx(0.7).epsilon(0.44));
    CHECK(torch::allclose(after.at("blocks.3.mlp.fc1.weight") * factors,
                          before.at("blocks.3.mlp.fc1.weight")));
    CHECK(torch::equal(after.at("blocks.3.mlp.fc2.weight"), before.at("blocks.3.mlp.fc2.weight")));
}

TEST_CASE("spread gains do not touch a convolutional network") {
    const auto network = find_model("demo_cnn").make();
    initialize_parameters(*network, 1);
    const auto before = copy_of_tensors(*network);
    spread_gains(*network, 1);
    for (const auto& [name, tensor] : copy_of_tensors(*network)) {
        CAPTURE(name);
        CHECK(torch::equal(tensor, before.at(name)));
    }
}
