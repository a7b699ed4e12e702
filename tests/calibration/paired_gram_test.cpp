#include "calibration/gram_collector.hpp"

#include <limits>

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Largest difference between `triangle` and rowsᵀ·rows, relative to the largest entry. */
double difference(const PackedTriangle& triangle, const torch::Tensor& rows) {
    const auto exact = rows.to(torch::kDouble).t().mm(rows.to(torch::kDouble));
    const auto unpacked = triangle.unpacked();
    const auto ours = torch::from_blob(const_cast<double*>(unpacked.data()),
                                       {unpacked.rows(), unpacked.cols()}, torch::kDouble);
    return ((ours - exact).abs().max() / exact.abs().max()).item<double>();
}

}  // namespace

TEST_CASE("a joint Gram holds the products of both inputs") {
    torch::manual_seed(5);
    const auto check = [](QuantizableLayer& layer, const torch::Tensor& exact) {
        const auto seen = exact + 0.1 * torch::randn_like(exact);
        PairedGramCollector collector(layer);
        collector.add(seen.narrow(0, 0, 2), exact.narrow(0, 0, 2));
        collector.add(seen.narrow(0, 2, 1), exact.narrow(0, 2, 1));
        LayerStatistics statistics;
        collector.take(statistic::paired_gram, statistic::gram, statistics);
        const auto rows = layer.rows(exact);
        const auto seen_rows = layer.rows(seen);
        CHECK(statistics.rows.at(statistic::gram) == rows.size(1));
        for (int64_t g = 0; g < layer.groups(); ++g) {
            const auto at = static_cast<std::size_t>(g);
            CHECK(difference(statistics.grams.at(statistic::gram)[at], rows[g]) < 1e-6);
            CHECK(difference(statistics.grams.at(statistic::paired_gram)[at],
                             torch::cat({seen_rows[g], rows[g]}, 1)) < 1e-6);
        }
    };
    Linear linear(10, 4);
    check(*linear, torch::randn({3, 7, 10}));
    Conv2dOptions options;
    options.kernel = 3;
    options.padding = 1;
    options.groups = GENERATE(1, 2, 6);
    Conv2d convolution(6, 12, options);
    check(*convolution, torch::randn({3, 6, 5, 5}));
}

TEST_CASE("weighted rows count by their weights in the joint Gram, and alike in the plain one") {
    torch::manual_seed(6);
    Conv2dOptions options;
    options.kernel = 3;
    options.padding = 1;
    options.groups = GENERATE(1, 2);
    Conv2d layer(4, 8, options);
    const auto exact = torch::randn({3, 4, 5, 5});
    const auto seen = exact + 0.1 * torch::randn_like(exact);
    const auto rows = layer->rows(exact);
    const int64_t parts = GENERATE(1, 2, 4);
    const auto weight = torch::rand({layer->groups() * parts, rows.size(1)});
    PairedGramCollector collector(*layer, parts);
    collector.add(seen, exact, weight);
    LayerStatistics statistics;
    collector.take(statistic::paired_gram, statistic::gram, statistics);
    for (int64_t g = 0; g < layer->groups(); ++g) {
        const auto at = static_cast<std::size_t>(g);
        CHECK(difference(statistics.grams.at(statistic::gram)[at], rows[g]) < 1e-6);
        const auto both = torch::cat({layer->rows(seen)[g], rows[g]}, 1);
        for (int64_t part = g * parts; part < (g + 1) * parts; ++part) {
            CHECK(difference(
                      statistics.grams.at(statistic::paired_gram)[static_cast<std::size_t>(part)],
                      both * weight[part].sqrt().unsqueeze(1)) < 1e-6);
        }
    }
}

TEST_CASE("NaN inputs of either network name the layer") {
    Linear linear(3, 2);
    linear->set_name("blocks.1.mlp.fc1");
    const auto good = torch::ones({1, 4, 3});
    auto bad = good.clone();
    bad[0][2][1] = std::numeric_limits<float>::quiet_NaN();
    for (const bool of_quantized : {true, false}) {
        PairedGramCollector collector(*linear);
        collector.add(of_quantized ? bad : good, of_quantized ? good : bad);
        LayerStatistics statistics;
        CHECK_THROWS_WITH(collector.take(statistic::paired_gram, statistic::gram, statistics),
                          ContainsSubstring("blocks.1.mlp.fc1"));
    }
}
