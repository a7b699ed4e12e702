#include "quantization/method.hpp"

#include "core/errors.hpp"
#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("every registered method solves a layer with codes within its bits") {
    const ExplicitLayer layer = random_layer(51, 60, 20, 7);
    REQUIRE_FALSE(method_names().empty());
    for (const std::string& name : method_names()) {
        CAPTURE(name);
        QuantizationConfig config;
        config.method = name;
        const auto method = make_method(config);
        CHECK_FALSE(method_summary(name).empty());
        for (int bits = 2; bits <= 8; ++bits) {
            const QuantizedWeight weight = method->solve(layer.problem(bits)).weight;
            REQUIRE(weight.out_features() == 7);
            REQUIRE(weight.in_features() == 20);
            REQUIRE(weight.scale.rows() == 7);
            REQUIRE(weight.zero_point.cols() == weight.scale.cols());
            for (int64_t i = 0; i < 140; ++i) CHECK(weight.bit_code.data()[i] < (1 << bits));
            CHECK(levels_used(weight) <= (1 << bits));
        }
    }
}

TEST_CASE("an unknown method names the nearest one") {
    QuantizationConfig config;
    config.method = "comk";
    CHECK_THROWS_WITH(make_method(config), ContainsSubstring("unknown method 'comk'") &&
                                               ContainsSubstring("did you mean 'comq'"));
    CHECK_THROWS_AS(make_method(config), UsageError);
}

TEST_CASE("groups of a convolution are solved on their own and stacked") {
    const int64_t groups = 3;
    const int64_t m = 9;
    std::vector<ExplicitLayer> parts;
    Matrix<float> weight(groups * 2, m);
    LayerStatistics statistics;
    statistics.in_features = m;
    statistics.groups = groups;
    for (int64_t g = 0; g < groups; ++g) {
        parts.push_back(random_layer(60 + g, 40, m, 2));
        std::copy_n(parts[g].weight.data(), 2 * m, weight.row(2 * g));
        PackedTriangle triangle(m);
        for (int64_t i = 0; i < m; ++i) std::copy_n(parts[g].gram.row(i), i + 1, triangle.row(i));
        statistics.grams[statistic::gram].push_back(std::move(triangle));
    }
    for (const std::string& name : method_names()) {
        QuantizationConfig config;
        config.method = name;
        const auto method = make_method(config);
        const Solution whole = solve_layer(*method, "features.0", weight.view(), statistics, 3);
        REQUIRE(whole.weight.out_features() == groups * 2);
        for (int64_t g = 0; g < groups; ++g) {
            const QuantizedWeight part = method->solve(parts[g].problem(3)).weight;
            CHECK(std::equal(part.bit_code.data(), part.bit_code.data() + 2 * m,
                             whole.weight.bit_code.row(2 * g)));
            CHECK(part.scale(1, 0) == whole.weight.scale(2 * g + 1, 0));
            CHECK(part.zero_point(1, 0) == whole.weight.zero_point(2 * g + 1, 0));
        }
    }
}

TEST_CASE("scale groups divide the inputs evenly when dequantized") {
    QuantizedWeight weight{Matrix<uint8_t>(1, 4), Matrix<float>(1, 2), Matrix<float>(1, 2)};
    for (uint8_t i = 0; i < 4; ++i) weight.bit_code(0, i) = i;
    weight.scale(0, 0) = 2;
    weight.scale(0, 1) = 10;
    weight.zero_point(0, 0) = -1;
    weight.zero_point(0, 1) = 1;
    const Matrix<float> values = dequantize(weight);
    CHECK(std::vector<float>(values.data(), values.data() + 4) ==
          std::vector<float>{-2, 0, 30, 40});
    CHECK(levels_used(weight) == 4);
}
