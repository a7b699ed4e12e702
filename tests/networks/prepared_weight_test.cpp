#include "networks/prepared_weight.hpp"

#include <thread>

#include "networks/attention.hpp"
#include "networks/conv_norm.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Counts how often it makes the sum of two tensors. */
struct CountedSum {
    PreparedWeight prepared;
    int times = 0;

    torch::Tensor of(const torch::Tensor& a, const torch::Tensor& b) {
        return prepared
            .of({a, b},
                [&] {
                    ++times;
                    return WeightAndBias{b.defined() ? a + b : a.clone(), {}};
                })
            .weight;
    }
};

/** `‖a − b‖ / ‖b‖`. */
double distance(const torch::Tensor& a, const torch::Tensor& b) {
    return ((a - b).norm() / b.norm()).item<double>();
}

/**
 * What `compute` gives by fused kernels, against LibTorch's operators, which compute where
 * gradients are recorded: sums of so many fp32 products differ in their order only.
 */
void require_close(const std::function<torch::Tensor()>& compute) {
    torch::Tensor fused;
    {
        const torch::NoGradGuard no_grad;
        fused = compute();
    }
    REQUIRE(distance(fused, compute().detach()) < 2e-6);
}

void fill(torch::nn::Module& module) {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : module.parameters()) parameter.copy_(torch::randn_like(parameter));
    for (auto& buffer : module.buffers()) {
        if (buffer.is_floating_point()) buffer.copy_(torch::rand_like(buffer) + 0.5);
    }
}

}  // namespace

TEST_CASE("a prepared weight is made again when what it comes from has changed, and not before") {
    const torch::NoGradGuard no_grad;
    CountedSum sum;
    torch::Tensor a = torch::ones({2, 3}), b = torch::full({2, 3}, 2.0F);
    for (int i = 0; i < 3; ++i) CHECK(sum.of(a, b).equal(torch::full({2, 3}, 3.0F)));
    CHECK(sum.times == 1);

    a.add_(4);
    CHECK(sum.of(a, b).equal(torch::full({2, 3}, 7.0F)));
    b.copy_(torch::zeros({2, 3}));
    CHECK(sum.of(a, b).equal(torch::full({2, 3}, 5.0F)));
    CHECK(sum.times == 3);

    a.slice(0, 0, 1).zero_();  // a view counts for the whole
    CHECK(sum.of(a, b).sum().item<float>() == 15.0F);
    a.set_data(torch::full({2, 3}, 9.0F));
    CHECK(sum.of(a, b).equal(torch::full({2, 3}, 9.0F)));
    CHECK(sum.times == 5);

    CHECK(sum.of(a, {}).equal(a));
    CHECK(sum.of(a, {}).equal(a));
    CHECK(sum.times == 6);

    const torch::Tensor square = torch::arange(4).view({2, 2}).to(torch::kFloat);
    CHECK(sum.of(square, {}).equal(square));
    CHECK(sum.of(square.t(), {}).equal(square.t()));
    CHECK(sum.times == 8);
}

TEST_CASE("tensors that don't count their changes are never taken for unchanged") {
    const c10::InferenceMode inference;
    CountedSum sum;
    torch::Tensor a = torch::ones({2});
    CHECK(sum.of(a, {}).equal(torch::ones({2})));
    a.add_(1);
    CHECK(sum.of(a, {}).equal(torch::full({2}, 2.0F)));
    CHECK(sum.times == 2);
}

TEST_CASE("layers compute by the weights that they have, whatever they had and for any batch") {
    torch::manual_seed(1);
    Linear linear(12, 20);
    Conv2d convolution(6, 8, Conv2dOptions{.kernel = 3, .padding = 1, .groups = 2});
    ConvNorm normed(6, 10, Conv2dOptions{.kernel = 3, .stride = 2, .padding = 1},
                    Activation::relu6);
    Mlp mlp(12, 24);
    normed->eval();
    const auto images = [](int64_t batch) { return torch::randn({batch, 6, 9, 7}); };
    for (const int64_t batch : {3, 1, 3, 5}) {
        for (torch::nn::Module* module : std::initializer_list<torch::nn::Module*>{
                 linear.get(), convolution.get(), normed.get(), mlp.get()}) {
            fill(*module);
        }
        const auto tokens = torch::randn({batch, 4, 12}), maps = images(batch);
        for (int again = 0; again < 2; ++again) {
            require_close([&] { return linear->activated(tokens, Activation::gelu); });
            require_close([&] { return linear->joined(tokens, torch::ones({batch, 4, 20})); });
            require_close([&] { return mlp->joined(tokens, tokens); });
            require_close([&] { return convolution->forward(maps); });
            require_close([&] { return normed->forward(maps); });
            require_close([&] {
                return normed->joined(maps, torch::full({batch, 10, 5, 4}, 0.5F), nullptr);
            });
        }
    }
}

TEST_CASE("a change of a norm's statistics reaches the convolution that it is folded into") {
    torch::manual_seed(2);
    ConvNorm normed(4, 4, Conv2dOptions{.kernel = 3}, Activation::none);
    fill(*normed);
    normed->eval();
    const auto maps = torch::randn({2, 4, 6, 6});
    const auto compute = [&] { return normed->forward(maps); };
    require_close(compute);
    for (auto& buffer : normed->buffers()) {
        if (!buffer.is_floating_point()) continue;
        const torch::NoGradGuard no_grad;
        buffer.mul_(3);
        require_close(compute);
    }
}

TEST_CASE("many threads ask for one prepared weight") {
    Linear linear(32, 32);
    fill(*linear);
    const auto tokens = torch::randn({2, 5, 32});
    const torch::NoGradGuard no_grad;
    const auto expected = torch::linear(tokens, linear->weight(), linear->bias());
    std::vector<torch::Tensor> outputs(8);
    {
        std::vector<std::jthread> threads;
        for (auto& output : outputs) {
            threads.emplace_back([&] {
                const torch::NoGradGuard none;
                for (int i = 0; i < 50; ++i) output = linear->forward(tokens);
            });
        }
    }
    for (const auto& output : outputs) {
        CHECK(output.equal(outputs.front()));
        CHECK(distance(output, expected) < 2e-6);
    }
}
