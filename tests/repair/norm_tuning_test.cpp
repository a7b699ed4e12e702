#include "core/errors.hpp"
#include "networks.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

struct Networks {
    std::shared_ptr<Network> original;
    std::shared_ptr<Network> quantized;
};

Networks networks_of(const std::string& name) {
    Networks networks{test::hash_network(name), test::hash_network(name)};
    test::round_weights(*networks.quantized);
    return networks;
}

RepairedParts tune(const Networks& networks, const ImagePass& pass, NormTuning loss) {
    RepairConfig config;
    config.norm_tuning = loss;
    config.epochs = 3;
    return test::apply(norm_tuning_repair, *networks.original, *networks.quantized, pass, config);
}

double divergence(const Networks& networks, const torch::Tensor& pixels) {
    const torch::NoGradGuard no_gradient;
    const auto logits = [&](const Network& network) {
        return torch::log_softmax(network.forward(pixels), 1);
    };
    return torch::kl_div(logits(*networks.quantized), logits(*networks.original),
                         at::Reduction::Sum, true)
        .item<double>();
}

double label_loss(const Network& network, const torch::Tensor& pixels) {
    const torch::NoGradGuard no_gradient;
    const auto labels = torch::arange(pixels.size(0)) % 10;
    return torch::cross_entropy_loss(network.forward(pixels), labels).item<double>();
}

}  // namespace

TEST_CASE("tuning against the full-precision network brings the outputs closer") {
    const std::string name = GENERATE("demo_vit", "demo_cnn");
    INFO(name);
    const auto networks = networks_of(name);
    const test::MemorySource source(20, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, name, 10, bad);
    const auto pixels = test::pixels_of(pass);
    const double before = divergence(networks, pixels);
    std::map<std::string, torch::Tensor> state;
    for (const auto& [key, tensor] : networks.quantized->state_dict()) state[key] = tensor.clone();

    tune(networks, pass, NormTuning::full_precision_logits);
    CHECK(divergence(networks, pixels) < 0.9 * before);

    int64_t changed = 0;
    for (const auto& [key, tensor] : networks.quantized->state_dict()) {
        const bool equal = torch::equal(tensor, state.at(key));
        const bool tunable = tensor.dim() == 1 && key.find("running_") == std::string::npos;
        if (!tunable) {
            INFO(key);
            CHECK(equal);
        }
        changed += !equal;
    }
    CHECK(changed > 0);
}

TEST_CASE("tuning with labels lowers their loss") {
    const auto networks = networks_of("demo_cnn");
    const test::MemorySource source(20, 32, 10);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 10, bad);
    const auto pixels = test::pixels_of(pass);
    const double before = label_loss(*networks.quantized, pixels);
    tune(networks, pass, NormTuning::labels);
    CHECK(label_loss(*networks.quantized, pixels) < before);
}

TEST_CASE("tuning has the same bits for any number of threads") {
    const test::MemorySource source(14, 32);
    std::vector<std::vector<std::pair<std::string, torch::Tensor>>> states;
    for (const int threads : {1, 3}) {
        set_torch_threads(threads);
        const auto networks = networks_of("demo_cnn");
        BadImages bad(0);
        tune(networks, test::pass_over(source, "demo_cnn", 12, bad),
             NormTuning::full_precision_logits);
        states.push_back(networks.quantized->state_dict());
    }
    for (std::size_t i = 0; i < states[0].size(); ++i) {
        CHECK(torch::equal(states[0][i].second, states[1][i].second));
    }
}

TEST_CASE("tuning with labels asks for labels") {
    const auto networks = networks_of("demo_cnn");
    const test::MemorySource source(4, 32, 0);
    BadImages bad(0);
    CHECK_THROWS_WITH(
        tune(networks, test::pass_over(source, "demo_cnn", 2, bad), NormTuning::labels),
        ContainsSubstring("image-") &&
            ContainsSubstring("repair.norm_tuning=full_precision_logits"));
}
