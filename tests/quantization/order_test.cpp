#include "quantization/order.hpp"

#include "quantization/problem.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the cyclic order") { CHECK(cyclic_order(4) == std::vector<int32_t>{0, 1, 2, 3}); }

TEST_CASE("the greedy order descends in norm times weight") {
    const std::vector<float> norm{1, 2, 3, 0, 1};
    const std::vector<float> weight{5, -4, 1, 100, -6};
    CHECK(greedy_order(norm, weight) == std::vector<int32_t>{1, 4, 0, 2, 3});
}

TEST_CASE("ties of the greedy order keep the lower index first") {
    const std::vector<float> norm(300, 1.0F);
    std::vector<float> weight(300, -2.0F);
    weight[299] = 3;
    const std::vector<int32_t> order = greedy_order(norm, weight);
    CHECK(order[0] == 299);
    for (int32_t t = 1; t < 300; ++t) CHECK(order[t] == t - 1);
}

TEST_CASE("one order for all channels goes by what an input contributes to all") {
    Matrix<float> weight(2, 3);
    for (int64_t k = 0; k < 6; ++k) weight.data()[k] = std::vector<float>{1, -3, 2, 2, 0, 2}[k];
    const std::vector<float> norm{2, 1, 1};
    // 2·√5, 3 and √8.
    CHECK(shared_order(norm, weight.view()) == std::vector<int32_t>{0, 1, 2});
}

TEST_CASE("given column norms replace those of the Gram") {
    Matrix<double> gram(2, 2);
    gram(0, 0) = 9;
    gram(1, 1) = -1e-18;  // rounding of a dead input
    Matrix<float> weight(1, 2);
    GroupProblem problem;
    problem.gram = gram.view();
    problem.weight = weight.view();
    CHECK(order_norms(problem) == std::vector<float>{3, 0});
    problem.column_norm = {1, 5};
    CHECK(order_norms(problem) == std::vector<float>{1, 5});
}
