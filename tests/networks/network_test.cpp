#include "networks/network.hpp"

#include <algorithm>
#include <set>
#include <thread>

#include "hash_weights.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** One small member of every family. */
const char* const members[] = {"demo_vit",           "deit_tiny_distilled_patch16_224",
                               "demo_cnn",           "swin_tiny_patch4_window7_224",
                               "resnet18",           "vgg16_bn",
                               "mobilenet_v2",       "regnet_x_400mf",
                               "efficientnet_lite0", "squeezenet1_1"};

class NamesTap : public Tap {
  public:
    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        names.insert(layer.name());
        ++calls;
        return input;
    }
    std::set<std::string> names;
    std::size_t calls = 0;
};

std::size_t quantized_layers(const std::string& model) {
    const auto network = find_model(model).make();
    return static_cast<std::size_t>(
        std::count_if(network->layers().begin(), network->layers().end(),
                      [](const auto& entry) { return entry.quantized_by_default; }));
}

}  // namespace

TEST_CASE("blocks in order are the network, and each layer and norm runs in the block it names") {
    const torch::InferenceMode inference;
    for (const char* name : members) {
        INFO(name);
        const ModelDescription& model = find_model(name);
        const auto network = model.make();
        test::set_hash_weights(*network);
        const torch::Tensor images =
            test::hash_input(model.preprocessing.crop).slice(0, 0, 1).contiguous();

        torch::Tensor activation = images;
        std::set<std::string> block_names;
        for (std::size_t i = 0; i < network->blocks().size(); ++i) {
            CHECK(block_names.insert(network->blocks()[i].name).second);
            NamesTap tap;
            const torch::Tensor watched = network->run(activation, i, i + 1, &tap);
            activation = network->run(activation, i, i + 1);
            // Nobody watches: norms are in the weights of the convolutions before them.
            CHECK(((activation - watched).norm() / watched.norm()).item<double>() < 1e-5);
            std::set<std::string> expected;
            for (const auto& entry : network->observables()) {
                if (entry.block == i) expected.insert(entry.observable->name());
            }
            CHECK(tap.names == expected);
            CHECK(tap.calls == expected.size());
        }
        CHECK(torch::equal(activation, network->forward(images)));

        activation = images;
        for (const Block& block : network->blocks()) {
            for (std::size_t step = block.begin; step < block.end; ++step) {
                NamesTap tap;
                network->run_steps(activation, step, step + 1, &tap);
                activation = network->run_steps(activation, step, step + 1);
                std::set<std::string> expected;
                for (const auto& entry : network->observables()) {
                    if (entry.step == step) expected.insert(entry.observable->name());
                }
                CHECK(tap.names == expected);
            }
        }
        CHECK(torch::equal(activation, network->forward(images)));
        CHECK(activation.sizes().vec() == std::vector<int64_t>{1, model.classes});
        CHECK_FALSE(network->layers().back().quantized_by_default);
    }
}

TEST_CASE("a pass ends where its tap is done") {
    const torch::InferenceMode inference;
    const auto network = find_model("demo_cnn").make();
    const auto images = torch::randn({1, 3, 32, 32});
    const bool at_input = GENERATE(true, false);
    for (const auto& entry : network->observables()) {
        struct Until : Tap {
            const Observable* last = nullptr;
            bool input = true;
            bool seen = false;
            torch::Tensor on_input(const Observable& observed,
                                   const torch::Tensor& activation) override {
                CHECK_FALSE(seen);
                if (input && &observed == last) seen = true;
                return activation;
            }
            void on_output(const Observable& observed, const torch::Tensor&) override {
                CHECK_FALSE(seen);
                if (&observed == last) seen = true;
            }
            bool done() const override { return seen; }
        } tap;
        tap.last = entry.observable;
        tap.input = at_input;
        CHECK_FALSE(network->forward(images, &tap).defined());
        CHECK(tap.seen);
    }
    CHECK(network->forward(images).defined());
}

TEST_CASE("layers carry the paths of their parameters") {
    const auto network = find_model("deit_tiny_patch16_224").make();
    std::set<std::string> parameters;
    for (const auto& [name, tensor] : network->state_dict()) parameters.insert(name);
    for (const auto& entry : network->layers()) {
        CHECK(parameters.count(entry.layer->name() + ".weight") == 1);
    }
    CHECK(network->layers().size() == 50);
    CHECK(network->layers()[0].layer->name() == "patch_embed.proj");
    CHECK(network->layers()[1].layer->name() == "blocks.0.attn.qkv");
    CHECK(network->layers()[1].block == 1);
    CHECK(network->layers()[3].layer->name() == "blocks.0.mlp.fc1");
    CHECK(network->layers()[3].block == 1);
    CHECK(network->layers()[3].step == 2);
    CHECK(network->steps() == 26);
    CHECK(network->layers().back().layer->name() == "head");
}

TEST_CASE("the default scope leaves out a transformer's stem and every classifier") {
    CHECK(quantized_layers("deit_tiny_patch16_224") == 48);
    CHECK(quantized_layers("deit_tiny_distilled_patch16_224") == 48);
    CHECK(quantized_layers("swin_tiny_patch4_window7_224") == 51);  // 12 · 4 + 3 reductions
    CHECK(quantized_layers("resnet18") == 20);
    CHECK(quantized_layers("resnet50") == 53);
    CHECK(quantized_layers("vgg16") == 15);
    CHECK(quantized_layers("mobilenet_v2") == 52);
    CHECK(quantized_layers("squeezenet1_1") == 25);
    CHECK(quantized_layers("cifar10_resnet20") == 19);
}

TEST_CASE("one network on several threads gives everyone the same logits") {
    for (const char* name : {"demo_vit", "demo_cnn"}) {
        INFO(name);
        const auto network = find_model(name).make();
        test::set_hash_weights(*network);
        const torch::Tensor images = test::hash_input(32);
        torch::Tensor expected;
        {
            const torch::InferenceMode inference;
            expected = network->forward(images);
        }
        std::vector<torch::Tensor> logits(4);
        std::vector<std::thread> threads;
        for (torch::Tensor& mine : logits) {
            threads.emplace_back([&] {
                const torch::InferenceMode inference;
                for (int i = 0; i < 10; ++i) mine = network->forward(images);
            });
        }
        for (auto& thread : threads) thread.join();
        for (const torch::Tensor& mine : logits) CHECK(torch::equal(mine, expected));
    }
}
