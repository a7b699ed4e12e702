#include "networks/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "networks/attention_kernel.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Numbers of one head, each matrix a part of wider rows. */
struct Numbers {
    int64_t queries, keys, d, width;
    std::vector<float> rows;  ///< of query, key and value side by side
    std::vector<float> bias;  ///< [keys, queries]
    std::vector<float> mixed;

    Numbers(int64_t queries_, int64_t keys_, int64_t d_, int64_t width_, float spread)
        : queries(queries_),
          keys(keys_),
          d(d_),
          width(width_),
          rows(static_cast<std::size_t>(std::max(queries, keys) * stride())),
          bias(static_cast<std::size_t>(queries * keys)),
          mixed(static_cast<std::size_t>(queries * width)) {
        std::mt19937 generator(7);
        std::normal_distribution<float> normal(0.0F, spread);
        for (float& number : rows) number = normal(generator);
        for (float& number : bias) number = normal(generator);
    }
    int64_t stride() const { return 2 * d + width + 1; }

    AttentionHead head(bool biased) {
        AttentionHead all{.query = {rows.data(), queries, d, stride()},
                          .key = {rows.data() + d, keys, d, stride()},
                          .value = {rows.data() + 2 * d, keys, width, stride()},
                          .scale = 0.5F,
                          .mixed = {mixed.data(), queries, width}};
        if (biased) {
            all.bias = bias.data();
            all.bias_query_step = 1;
            all.bias_key_step = queries;
        }
        return all;
    }
};

/** Of one query by the definition, in fp64. */
std::vector<double> mixed_by_definition(const AttentionHead& head, int64_t query) {
    std::vector<double> weight, mixed(static_cast<std::size_t>(head.value.cols), 0.0);
    double largest = -std::numeric_limits<double>::infinity(), sum = 0.0;
    for (int64_t j = 0; j < head.key.rows; ++j) {
        double score = 0.0;
        for (int64_t i = 0; i < head.key.cols; ++i) {
            score += static_cast<double>(head.query(query, i)) * head.key(j, i);
        }
        score *= head.scale;
        if (head.bias != nullptr) {
            score += head.bias[query * head.bias_query_step + j * head.bias_key_step];
        }
        weight.push_back(score);
        largest = std::max(largest, score);
    }
    for (double& score : weight) sum += score = std::exp(score - largest);
    for (int64_t j = 0; j < head.key.rows; ++j) {
        for (std::size_t i = 0; i < mixed.size(); ++i) {
            mixed[i] +=
                weight[static_cast<std::size_t>(j)] / sum * head.value(j, static_cast<int64_t>(i));
        }
    }
    return mixed;
}

torch::Tensor by_operators(const torch::Tensor& query, const torch::Tensor& key,
                           const torch::Tensor& value, const torch::Tensor& bias, double scale) {
    const auto scores = torch::matmul(query, key.transpose(-2, -1)) * scale + bias;
    return torch::matmul(torch::softmax(scores, -1), value);
}

}  // namespace

TEST_CASE("attention is that of the definition for heads of any size on every vector unit") {
    struct Size {
        int64_t queries, keys, d, width;
    };
    const auto size = GENERATE(Size{1, 1, 1, 1}, Size{5, 7, 3, 9}, Size{49, 49, 32, 32},
                               Size{6, 64, 24, 65}, Size{13, 197, 64, 64}, Size{2, 150, 130, 20});
    const bool biased = GENERATE(false, true);
    // With a spread of 4, weights go from 1 to less than the least normal number.
    const float spread = GENERATE(0.3F, 4.0F);
    Numbers numbers(size.queries, size.keys, size.d, size.width, spread);
    const AttentionHead head = numbers.head(biased);
    for (const VectorUnit unit : vector_units()) {
        INFO(size.queries << " " << size.keys << " " << size.d << " " << size.width);
        AttentionKernel kernel(unit);
        std::ranges::fill(numbers.mixed, -1.0F);
        kernel.run(head);
        // A score's rounding is relative to the products in it: √d·spread², some 1e-7 each.
        const double score = std::sqrt(static_cast<double>(size.d)) * spread * spread;
        for (int64_t q = 0; q < size.queries; ++q) {
            const auto expected = mixed_by_definition(head, q);
            for (int64_t i = 0; i < size.width; ++i) {
                CHECK(head.mixed(q, i) == Approx(expected[static_cast<std::size_t>(i)])
                                              .margin(spread * 1e-6 * (1.0 + score)));
            }
        }
    }
}

TEST_CASE("a query's attention is the same wherever it stands") {
    Numbers numbers(20, 40, 16, 24, 1.0F);
    AttentionHead head = numbers.head(true);
    AttentionKernel kernel;
    kernel.run(head);
    const auto all = numbers.mixed;
    for (int64_t q = 0; q < 20; ++q) {
        AttentionHead one = head;
        one.query = {head.query.row(q), 1, 16, head.query.stride};
        one.bias += q * head.bias_query_step;
        one.mixed = {numbers.mixed.data(), 1, 24};
        kernel.run(one);
        CHECK(std::equal(all.begin() + q * 24, all.begin() + (q + 1) * 24, numbers.mixed.begin()));
    }
}

TEST_CASE("masked tokens have no weight, and what is not finite is not hidden") {
    Numbers numbers(4, 30, 8, 8, 1.0F);
    const AttentionHead head = numbers.head(true);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const auto masked = [&](int64_t query, int64_t key) -> float& {
        return numbers.bias[static_cast<std::size_t>(key * 4 + query)];
    };
    for (int64_t key = 0; key < 30; ++key) {
        if (key != 3) masked(1, key) = -infinity;
        masked(2, key) = -infinity;
    }
    masked(3, 29) = std::numeric_limits<float>::quiet_NaN();
    AttentionKernel().run(head);
    for (int64_t i = 0; i < 8; ++i) {
        CHECK(std::isfinite(head.mixed(0, i)));
        CHECK(head.mixed(1, i) == Approx(head.value(3, i)));
        CHECK(std::isnan(head.mixed(2, i)));
        CHECK(std::isnan(head.mixed(3, i)));
    }
}

TEST_CASE("attention takes tensors as layers of networks hand them on") {
    const torch::NoGradGuard no_gradient;
    torch::manual_seed(3);
    // As of a Swin: [3, images, windows, heads, tokens, d], not one after the other in memory.
    const auto qkv = torch::randn({2, 3, 10, 3, 4, 8}).permute({3, 0, 1, 4, 2, 5});
    const auto bias = GENERATE(torch::zeros({1}), torch::randn({4, 10, 10}),
                               torch::randn({3, 1, 10, 10}), torch::randn({3, 4, 10, 10}));
    const auto mixed = fused_attention(qkv[0], qkv[1], qkv[2], bias, 0.3);
    REQUIRE(mixed);
    const auto expected = by_operators(qkv[0], qkv[1], qkv[2], bias, 0.3);
    CHECK(torch::allclose(*mixed, expected, 1e-5, 1e-6));
    CHECK(mixed->transpose(-2, -3).is_contiguous());
    CHECK(torch::equal(scaled_dot_product(qkv[0], qkv[1], qkv[2], bias),
                       *fused_attention(qkv[0], qkv[1], qkv[2], bias)));
    const auto threads = torch::get_num_threads();
    torch::set_num_threads(threads == 1 ? 2 : 1);
    CHECK(torch::equal(*fused_attention(qkv[0], qkv[1], qkv[2], bias, 0.3), *mixed));
    torch::set_num_threads(threads);
}

TEST_CASE("attention with gradients and of other kinds of numbers is left to LibTorch") {
    const auto query = torch::randn({1, 2, 5, 8}), key = torch::randn({1, 2, 7, 8}),
               value = torch::randn({1, 2, 7, 6});
    torch::Tensor mixed;
    {
        const torch::NoGradGuard no_gradient;
        const auto by_kernel = fused_attention(query, key, value, {});
        REQUIRE(by_kernel);
        mixed = *by_kernel;
        CHECK_FALSE(fused_attention(query.to(torch::kDouble), key, value, {}));
        CHECK_FALSE(fused_attention(query, key, value, torch::ones({5, 7}, torch::kBool)));
        CHECK_FALSE(fused_attention(query, key.slice(3, 0, 4), value, {}));
    }
    const auto trained = query.clone().requires_grad_();
    CHECK_FALSE(fused_attention(trained, key, value, {}));
    const auto recorded = scaled_dot_product(trained, key, value, {});
    CHECK(torch::allclose(recorded, mixed, 1e-5, 1e-6));
    recorded.sum().backward();
    CHECK(trained.grad().abs().max().item<double>() > 0.0);
}
