#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>
#include <vector>

#include "core/errors.hpp"
#include "networks/loaded_program.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using test::load_exported;
using test::LoadedProgram;
namespace fs = std::filesystem;

namespace {

/** Counts calls, and compares a layer's output with its rows times its weight. */
class RowsTap : public Tap {
  public:
    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        ++calls[observed.name()];
        if (const auto* layer = observed.layer()) rows_ = layer->rows(input);
        return input;
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        const auto* layer = observed.layer();
        if (layer == nullptr) return;
        INFO(layer->name());
        const int64_t groups = layer->groups(), out = layer->out_features() / groups;
        const auto weight = layer->weight().reshape({groups, out, layer->in_features()});
        auto product = torch::bmm(rows_, weight.transpose(1, 2));  // [groups, N, out / groups]
        product = product.permute({1, 0, 2}).reshape({-1, groups * out});
        if (layer->bias().defined()) product = product + layer->bias();
        const auto wanted = layer->channel_axis() == 1
                                ? output.permute({0, 2, 3, 1}).reshape(product.sizes())
                                : output.reshape(product.sizes());
        // A bias that is computed is not the layer's: the same in all rows.
        auto difference = wanted - product;
        if (!layer->bias().defined()) difference = difference - difference.narrow(0, 0, 1);
        CHECK(torch::allclose(product + difference, product, 1e-4, 1e-5));
    }
    std::map<std::string, int> calls;

  private:
    torch::Tensor rows_;
};

/** Whether fused kernels may be all that differs: fp32's 6e-8 a step, through tens of layers. */
bool sums_in_another_order(const torch::Tensor& a, const torch::Tensor& b) {
    return ((a - b).norm() / b.norm()).item<double>() < 2e-6;
}

/** Whole, block by block and one image at a time; `same` compares with PyTorch's logits. */
template <typename Same>
void check_passes(const LoadedProgram& program, const Same& same) {
    CHECK(same(program.network->forward(program.images), program.logits));

    torch::Tensor activation = program.images;
    for (std::size_t i = 0; i < program.network->blocks().size(); ++i) {
        const auto before = activation.clone();
        const auto next = program.network->run(activation, i, i + 1);
        CHECK(torch::equal(before, activation));
        activation = next;
    }
    CHECK(same(activation, program.logits));
    const auto first = program.network->forward(program.images.narrow(0, 0, 1));
    CHECK(torch::allclose(first, program.logits.narrow(0, 0, 1), 1e-4, 1e-5));

    RowsTap tap;
    CHECK(same(program.network->forward(program.images, &tap), program.logits));
    for (const auto& entry : program.network->observables()) {
        INFO(entry.observable->name());
        CHECK(tap.calls[entry.observable->name()] == entry.observable->calls());
    }
}

void check_logits(const fs::path& folder, const std::string& name) {
    INFO(name);
    const LoadedProgram program = load_exported(folder, name);
    {
        // Where gradients are recorded, it is PyTorch's own operators that run.
        const torch::AutoGradMode recorded(true);
        check_passes(program, [](const auto& a, const auto& b) { return torch::equal(a, b); });
    }
    const torch::InferenceMode inference;
    check_passes(program, sums_in_another_order);
}

}  // namespace

TEST_CASE("programs give the logits of PyTorch bit for bit") {
    COMQ_NEED_PROGRAMS(folder);
    const auto names = test::names_of_programs(folder);
    CHECK(names.size() == 22);
    for (const std::string& name : names) check_logits(folder, name);
}

TEST_CASE("networks of timm give the logits of PyTorch bit for bit") {
    COMQ_NEED_EXPORTED("timm", folder);
    const auto names = test::names_of_programs(folder);
    CHECK(names.size() == 18);
    for (const std::string& name : names) check_logits(folder, name);
}

TEST_CASE("a program's description is that of its archive and of the config") {
    COMQ_NEED_PROGRAMS(folder);
    const auto description = load_exported(folder, "residual").description;
    CHECK(description->name == "residual");
    CHECK(description->classes == 10);
    CHECK(description->license == "MIT");
    CHECK(description->preprocessing.describe() ==
          "resize 32 bilinear, crop 32, mean [0.5, 0.5, 0.5], std [0.25, 0.25, 0.25]");
    ModelConfig config;
    config.program = folder / "residual.pt2";
    config.preprocessing.interpolation = Interpolation::bicubic;
    CHECK(describe_model(config)->preprocessing.interpolation == Interpolation::bicubic);
    config.preprocessing.crop = 30;
    CHECK_THROWS_WITH(describe_model(config), ContainsSubstring("takes images of 32 × 32 pixels"));
    config.program = folder / "missing.pt2";
    CHECK_THROWS_AS(describe_model(config), UsageError);
}

TEST_CASE("weights are pages of the archive, and a change of them is the network's own") {
    COMQ_NEED_PROGRAMS(folder);
    const std::string before = test::text_of(folder / "transformer.pt2");
    const LoadedProgram changed = load_exported(folder, "transformer");
    const auto weights = changed.description->own_weights();
    const auto network = changed.description->make();
    take_over_parameters(*network, weights, "transformer.pt2");
    for (const auto& [name, tensor] : network->state_dict()) {
        INFO(name);
        CHECK(tensor.data_ptr() == weights.at(name).data.get());
    }
    {
        const torch::NoGradGuard no_gradient;
        for (auto& parameter : network->parameters()) parameter.zero_();
    }
    const LoadedProgram other = load_exported(folder, "transformer");
    CHECK(torch::equal(other.network->forward(other.images), other.logits));
    CHECK(torch::equal(changed.network->forward(changed.images), changed.logits));
    CHECK(test::text_of(folder / "transformer.pt2") == before);
}

TEST_CASE("gradients flow through a program, and threads run it side by side") {
    COMQ_NEED_PROGRAMS(folder);
    for (const std::string name : {"residual", "transformer", "shared"}) {
        INFO(name);
        const LoadedProgram program = load_exported(folder, name);
        program.network->forward(program.images).logsumexp(1).sum().backward();
        for (const auto& entry : program.network->layers()) {
            INFO(entry.layer->name());
            CHECK(entry.layer->weight().grad().abs().sum().item<float>() > 0.0F);
        }
        std::vector<torch::Tensor> logits(4);
        std::vector<std::thread> threads;
        for (auto& result : logits) {
            threads.emplace_back([&] {
                const torch::InferenceMode inference;
                result = program.network->forward(program.images);
            });
        }
        for (auto& thread : threads) thread.join();
        for (const auto& result : logits) CHECK(torch::equal(result, logits.front()));
        CHECK(sums_in_another_order(logits.front(), program.logits));
    }
}
