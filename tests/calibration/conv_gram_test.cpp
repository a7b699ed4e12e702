// Grams of convolutions against the fp64 product of PyTorch's own im2col.
#include <fmt/format.h>

#include "calibration/gram_collector.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

struct Case {
    const char* name;
    int64_t channels;
    int64_t height;
    int64_t width;
    Conv2dOptions options;
};

Conv2dOptions options_of(int64_t kernel, int64_t stride, int64_t padding, int64_t groups = 1,
                         int64_t dilation = 1, bool same = false) {
    Conv2dOptions options;
    options.kernel = kernel;
    options.stride = stride;
    options.padding = padding;
    options.groups = groups;
    options.dilation = dilation;
    options.same_padding = same;
    return options;
}

// By channels a group: gathered patches below 16, shifted products from 16 on, lanes at 1.
const std::vector<Case> cases = {
    {"stem 7x7 stride 2", 3, 37, 30, options_of(7, 2, 3)},
    {"few channels", 5, 9, 12, options_of(3, 1, 1)},
    {"few channels in groups", 8, 13, 11, options_of(3, 2, 1, 2)},
    {"shifted", 16, 9, 12, options_of(3, 1, 1)},
    {"shifted, no padding", 17, 8, 8, options_of(3, 1, 0)},
    {"shifted, wide padding", 16, 5, 6, options_of(3, 1, 2)},
    {"shifted, stride 2", 16, 13, 10, options_of(3, 2, 1)},
    {"shifted, stride 3", 16, 13, 10, options_of(5, 3, 2)},
    {"shifted, dilation 2", 16, 11, 10, options_of(3, 1, 2, 1, 2)},
    {"shifted, dilation 2, stride 2", 16, 11, 10, options_of(3, 2, 2, 1, 2)},
    {"shifted, dilation 3, stride 2", 16, 14, 15, options_of(3, 2, 3, 1, 3)},
    {"shifted, TF same", 16, 12, 13, options_of(3, 2, 0, 1, 1, true)},
    {"shifted in groups", 48, 10, 7, options_of(3, 1, 1, 3)},
    {"shifted in groups, stride 2", 48, 10, 7, options_of(3, 2, 1, 3)},
    {"a map smaller than the kernel", 16, 2, 1, options_of(3, 1, 1)},
    {"depthwise", 8, 13, 11, options_of(3, 1, 1, 8)},
    {"depthwise, odd channels", 11, 13, 11, options_of(3, 1, 1, 11)},
    {"depthwise, stride 2", 8, 13, 10, options_of(3, 2, 1, 8)},
    {"depthwise 5x5, TF same, stride 2", 9, 14, 13, options_of(5, 2, 0, 9, 1, true)},
    {"depthwise, dilation 2", 8, 9, 9, options_of(3, 1, 2, 8, 2)},
    {"pointwise", 24, 9, 7, options_of(1, 1, 0)},
    {"pointwise, long rows", 6, 56, 50, options_of(1, 1, 0)},
    {"pointwise, stride 2", 24, 9, 7, options_of(1, 2, 0)},
    {"pointwise in groups", 24, 9, 7, options_of(1, 1, 0, 4)},
    {"pointwise with padding", 24, 5, 4, options_of(1, 1, 1)},
    {"pointwise, stride along one axis", 24, 9, 7, {.kernel = 1, .stride = {1, 2}}},
    {"few channels, 1x7", 5, 9, 12, {.kernel = {1, 7}, .padding = {0, 3}}},
    {"few channels, one row", 5, 1, 40, {.kernel = {1, 9}, .stride = {1, 2}, .padding = {0, 4}}},
    {"shifted, 1x7", 16, 9, 12, {.kernel = {1, 7}, .padding = {0, 3}}},
    {"shifted, 7x1", 16, 12, 9, {.kernel = {7, 1}, .padding = {3, 0}}},
    {"shifted, one row", 16, 1, 40, {.kernel = {1, 5}, .stride = {1, 2}, .padding = {0, 2}}},
    {"shifted, rectangular in all",
     16,
     14,
     17,
     {.kernel = {3, 5}, .stride = {2, 3}, .padding = {1, 4}, .dilation = {2, 1}}},
    {"shifted, an even kernel, same", 16, 9, 8, {.kernel = {4, 2}, .same_padding = true}},
    {"depthwise, 1x11", 8, 9, 13, {.kernel = {1, 11}, .padding = {0, 5}, .groups = 8}},
    {"depthwise, rectangular in all",
     9,
     14,
     17,
     {.kernel = {3, 5}, .stride = {2, 3}, .padding = {1, 4}, .dilation = {2, 1}, .groups = 9}},
};

Conv2d convolution(const Case& shape) {
    return Conv2d(shape.channels, 2 * shape.channels, shape.options);
}

std::vector<PackedTriangle> collected(Conv2d& layer, const torch::Tensor& input,
                                      std::optional<RowSample> sample = std::nullopt,
                                      const std::vector<std::string>& images = {}) {
    GramCollector collector(*layer, std::move(sample));
    collector.add(input, images);
    LayerStatistics statistics;
    collector.take(statistic::gram, statistics);
    return statistics.grams.at(statistic::gram);
}

torch::Tensor as_tensor(const Matrix<double>& matrix) {
    return torch::from_blob(const_cast<double*>(matrix.data()), {matrix.rows(), matrix.cols()},
                            torch::kDouble)
        .clone();
}

}  // namespace

TEST_CASE("the Gram of a convolution is that of its im2col patches, group by group") {
    for (const auto& shape : cases) {
        INFO(shape.name);
        torch::manual_seed(2);
        auto layer = convolution(shape);
        // Positive inputs are the harder case, and the one that occurs.
        const auto input =
            torch::relu(torch::randn({3, shape.channels, shape.height, shape.width}) + 0.5);
        const auto patches = layer->rows(input).to(torch::kDouble);
        const auto grams = collected(layer, input);
        REQUIRE(static_cast<int64_t>(grams.size()) == shape.options.groups);
        for (std::size_t g = 0; g < grams.size(); ++g) {
            const auto rows = patches[static_cast<int64_t>(g)];
            const auto exact = rows.t().mm(rows);
            const auto ours = as_tensor(grams[g].unpacked());
            CHECK(((ours - exact).norm() / exact.norm()).item<double>() < 2e-7);
            // A coordinate that never sees an input is exactly zero.
            CHECK(torch::equal(ours.diagonal() == 0, exact.diagonal() == 0));
        }
    }
}

TEST_CASE("a convolution counts its rows") {
    for (const auto& shape : cases) {
        INFO(shape.name);
        auto layer = convolution(shape);
        const auto input = torch::ones({2, shape.channels, shape.height, shape.width});
        GramCollector collector(*layer);
        collector.add(input);
        LayerStatistics statistics;
        collector.take(statistic::gram, statistics);
        CHECK(statistics.rows.at(statistic::gram) == layer->rows(input).size(1));
    }
}

TEST_CASE("large maps stay within 2e-7 of fp64") {
    torch::manual_seed(3);
    const int64_t groups = GENERATE(1, 16);
    Conv2d layer(16, 16, options_of(3, 1, 1, groups));
    const auto input = torch::relu(torch::randn({2, 16, 112, 100}) + 0.5);
    const auto patches = layer->rows(input).to(torch::kDouble);
    const auto grams = collected(layer, input);
    for (std::size_t g = 0; g < grams.size(); ++g) {
        const auto rows = patches[static_cast<int64_t>(g)];
        const auto exact = rows.t().mm(rows);
        CHECK(((as_tensor(grams[g].unpacked()) - exact).norm() / exact.norm()).item<double>() <
              2e-7);
    }
}

TEST_CASE("sampled rows are those that the seed, the layer and the image choose") {
    const std::vector<std::string> images{"a.png", "b.png"};
    const RowSample sample(7, 20);
    for (const auto& shape : cases) {
        INFO(shape.name);
        torch::manual_seed(4);
        auto layer = convolution(shape);
        layer->set_name("features.1");
        const auto input = torch::randn({2, shape.channels, shape.height, shape.width});
        auto rows = layer->rows(input).to(torch::kDouble);
        const int64_t available = rows.size(1) / 2;
        if (!sample.takes_all(available)) {
            std::vector<int64_t> chosen;
            for (int64_t i = 0; i < 2; ++i) {
                for (const auto row :
                     sample.rows("features.1", images[static_cast<std::size_t>(i)], available)) {
                    chosen.push_back(i * available + row);
                }
            }
            CHECK(chosen.size() == 40);
            rows = rows.index_select(1, torch::tensor(chosen));
        }
        const auto grams = collected(layer, input, sample, images);
        for (std::size_t g = 0; g < grams.size(); ++g) {
            const auto group = rows[static_cast<int64_t>(g)];
            const auto exact = group.t().mm(group);
            CHECK(((as_tensor(grams[g].unpacked()) - exact).norm() / exact.norm()).item<double>() <
                  2e-7);
        }
    }
}

TEST_CASE("the rows of an image do not depend on its batch") {
    const RowSample sample(7, 5);
    Linear layer(6, 3);
    layer->set_name("fc");
    torch::manual_seed(5);
    const auto input = torch::randn({2, 30, 6});
    const auto gram_of = [&](const torch::Tensor& part, const std::vector<std::string>& images) {
        GramCollector collector(*layer, sample);
        collector.add(part, images);
        LayerStatistics statistics;
        collector.take(statistic::gram, statistics);
        CHECK(statistics.rows.at(statistic::gram) == 5 * static_cast<int64_t>(images.size()));
        return as_tensor(statistics.grams.at(statistic::gram)[0].unpacked());
    };
    const auto both = gram_of(input, {"a", "b"});
    const auto apart =
        gram_of(input.narrow(0, 0, 1), {"a"}) + gram_of(input.narrow(0, 1, 1), {"b"});
    CHECK(torch::allclose(both, apart, 1e-6, 1e-6));
    CHECK_FALSE(torch::allclose(both, gram_of(input, {"b", "a"}), 1e-6, 1e-6));
}
