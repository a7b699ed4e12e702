#include "calibration/row_importance.hpp"

#include <algorithm>
#include <limits>

#include "calibration/collect.hpp"
#include "calibration/gram_collector.hpp"
#include "networks/hash_weights.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

/** A grouped convolution and a Linear layer, so small that its gradients can be written out. */
class SmallNetwork : public Network {
  public:
    SmallNetwork() {
        Conv2dOptions options;
        options.kernel = 3;
        options.padding = 1;
        options.groups = 3;
        convolution = register_module("convolution", Conv2d(3, 6, options));
        head = register_module("head", Linear(6, 5));
        add_block("features", {convolution.ptr()}, Scope::quantized, [this](torch::Tensor pixels) {
            return torch::relu(convolution->forward(pixels)).mean({2, 3});
        });
        add_block("head", {head.ptr()}, Scope::quantized,
                  [this](torch::Tensor features) { return head->forward(features); });
        const torch::NoGradGuard no_grad;
        for (auto& parameter : parameters()) parameter.normal_();
    }
    Conv2d convolution{nullptr};
    Linear head{nullptr};
};

/** The plain and the weighted statistics of one batch. */
LayerStatistics statistics_of(const Network& network, const Network::LayerEntry& entry,
                              const RowWeighting& weighting, const torch::Tensor& pixels,
                              const std::vector<int64_t>& images) {
    LayerStatistics statistics;
    GramCollector plain(*entry.layer);
    WeightedGramCollector weighted(*entry.layer, weighting);
    visit_row_weights(network, {entry}, pixels, images, weighting, [&](const WeightedInput& seen) {
        plain.add(seen.input);
        weighted.add(seen.input, seen.weight);
    });
    plain.take(statistic::gram, statistics);
    weighted.take(statistics);
    return statistics;
}

torch::Tensor triangle(const PackedTriangle& packed) {
    const Matrix<double> full = packed.unpacked();
    return torch::from_blob(const_cast<double*>(full.data()), {full.rows(), full.cols()},
                            torch::kDouble)
        .clone();
}

}  // namespace

TEST_CASE("rows are weighted by the gradients at their outputs") {
    torch::manual_seed(3);
    SmallNetwork network;
    const auto pixels = torch::randn({4, 3, 7, 6});
    const std::vector<int64_t> images{8, 2, 5, 11};
    RowWeighting weighting;
    weighting.power = GENERATE(1.0, 0.5);
    weighting.share = 0.7;
    weighting.seed = 9;
    weighting.parts = GENERATE(1, 2, 5);

    // The same network written out, cut at the outputs of its layers.
    const auto features = network.convolution->forward(pixels).detach().requires_grad_(true);
    const auto pooled = torch::relu(features).mean({2, 3});
    const auto logits = torch::linear(pooled, network.head->weight(), network.head->bias());
    const auto probability = torch::softmax(logits.detach().to(torch::kDouble), 1);
    const RandomStream random(9, "labels drawn from predictions");
    auto labels = torch::zeros({4, 1}, torch::kInt64);
    for (int64_t i = 0; i < 4; ++i) {
        const double drawn = random.uniform(static_cast<uint64_t>(images[i]));
        labels[i][0] = (probability[i].cumsum(0) <= drawn).sum();
    }
    const auto loss = -torch::log_softmax(logits, 1).gather(1, labels).sum();
    const auto gradients = torch::autograd::grad({loss}, {features, logits});

    for (const auto& entry : network.layers()) {
        const bool is_head = entry.layer->name() == "head";
        const auto rows = entry.layer->rows(is_head ? pooled.detach() : pixels).to(torch::kDouble);
        const int64_t groups = rows.size(0);
        // 2 channels a group of the convolution, 5 of the head.
        const int64_t parts =
            weighting.parts == (is_head ? 2 : 5) ? (is_head ? 1 : 2) : weighting.parts;
        auto squared = gradients[is_head ? 1 : 0].square().to(torch::kDouble);
        squared = is_head ? squared.t().contiguous() : squared.permute({1, 0, 2, 3}).contiguous();
        squared = squared.reshape({groups * parts, (is_head ? 5 : 2) / parts, -1});
        const auto weight = squared.mean(1).pow(weighting.power);
        CHECK(output_parts(*entry.layer, weighting.parts) == parts);
        REQUIRE(std::ssize(statistics_of(network, entry, weighting, pixels, images)
                               .grams.at(statistic::weighted_gram)) == groups * parts);
        const auto statistics = statistics_of(network, entry, weighting, pixels, images);
        for (int64_t g = 0; g < groups * parts; ++g) {
            const auto own = rows[g / parts];
            const auto scaled = (weight[g] / weight.mean()).unsqueeze(1) * own;
            const auto expected = 0.7 * own.t().mm(scaled) + 0.3 * own.t().mm(own);
            const auto found = triangle(statistics.grams.at(statistic::weighted_gram).at(g));
            CAPTURE(entry.layer->name(), g);
            CHECK((found - expected).norm().item<double>() < 1e-5 * expected.norm().item<double>());
        }
    }
}

TEST_CASE("an output metric sums the gradients of a layer's rows, group by group") {
    torch::manual_seed(5);
    SmallNetwork network;
    const auto& convolution = network.layers()[0];
    const auto pixels = torch::randn({2, 3, 5, 4});
    RowWeighting weighting;
    weighting.power = GENERATE(1.0, 0.5);
    OutputMetricCollector collector(*convolution.layer, 1);
    torch::Tensor gradient, weight;
    visit_row_weights(network, {convolution}, pixels, std::vector<int64_t>{1, 2}, weighting,
                      [&](const WeightedInput& seen) {
                          collector.add(seen);
                          gradient = seen.unit_gradient().to(torch::kDouble);
                          weight = seen.weight.to(torch::kDouble);
                      });
    REQUIRE(gradient.sizes() == torch::IntArrayRef({3, 40, 2}));
    const auto of_row = gradient.square().mean(2);
    CHECK(((of_row - 1.0).abs() < 1e-4).logical_or(weight == 0.0).all().item<bool>());
    const auto metrics = collector.take();
    REQUIRE(metrics.size() == 3);
    for (int64_t g = 0; g < 3; ++g) {
        const auto expected = gradient[g].t().mm(weight[g].unsqueeze(1) * gradient[g]);
        const auto found = triangle(metrics[static_cast<std::size_t>(g)]);
        CHECK((found - expected).norm().item<double>() < 1e-5 * expected.norm().item<double>());
    }
}

TEST_CASE(
    "weighted Grams have the same bits for any number of threads, and no parameter a "
    "gradient") {
    const test::MemorySource source(14, 32);
    const auto network = find_model(GENERATE("demo_vit", "demo_cnn")).make();
    test::set_hash_weights(*network);
    const auto& layers = network->layers();
    std::vector<std::vector<LayerStatistics>> runs;
    for (const int threads : {1, 2, 4}) {
        set_torch_threads(threads);
        BadImages bad(0);
        CalibrationPass pass{test::pass_over(source, "demo_vit", 3, bad)};
        pass.weighting.emplace();
        runs.push_back(collect_statistics(*network, layers, pass));
    }
    int64_t different = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto& first = runs[0][i].grams.at(statistic::weighted_gram)[0].values();
        for (const auto& run : runs) {
            CHECK(std::ranges::equal(first, run[i].grams.at(statistic::weighted_gram)[0].values()));
        }
        different += !std::ranges::equal(first, runs[0][i].grams.at(statistic::gram)[0].values());
    }
    CHECK(different == std::ssize(layers));
    for (const auto& parameter : network->parameters()) CHECK_FALSE(parameter.grad().defined());
}

TEST_CASE("small gradients keep their digits at high powers") {
    // Gradients a tenth as large make the same weights but for a factor, which must not matter.
    torch::manual_seed(7);
    SmallNetwork network;
    const auto pixels = torch::randn({4, 3, 6, 6});
    RowWeighting weighting;
    weighting.power = 2.0;
    const auto gram_with = [&](double scale) {
        const torch::NoGradGuard no_grad;
        const auto kept = network.head->weight().clone();
        network.head->weight().mul_(scale);
        const auto gram = triangle(
            statistics_of(network, network.layers().front(), weighting, pixels, {0, 1, 2, 3})
                .grams.at(statistic::weighted_gram)
                .at(0));
        network.head->weight().copy_(kept);
        return gram;
    };
    // So small that the predictions of both are those of the bias, within a percent.
    const auto small = gram_with(3e-3), smaller = gram_with(3e-4);
    CHECK((small - smaller).norm().item<double>() < 5e-2 * small.norm().item<double>());
}

TEST_CASE("a share of nothing leaves the plain Gram") {
    torch::manual_seed(4);
    SmallNetwork network;
    RowWeighting weighting;
    weighting.share = 0;
    const auto statistics = statistics_of(network, network.layers().back(), weighting,
                                          torch::randn({5, 3, 4, 4}), {0, 1, 2, 3, 4});
    CHECK(std::ranges::equal(statistics.grams.at(statistic::gram)[0].values(),
                             statistics.grams.at(statistic::weighted_gram)[0].values()));
}

TEST_CASE("where every gradient is 0 the weighted Gram is the plain one") {
    torch::manual_seed(5);
    SmallNetwork network;
    {
        const torch::NoGradGuard no_grad;
        network.head->weight().zero_();  // so that no output depends on the convolution
    }
    const auto statistics = statistics_of(network, network.layers().front(), {},
                                          torch::randn({4, 3, 4, 4}), {0, 1, 2, 3});
    for (std::size_t g = 0; g < 3; ++g) {
        CHECK(std::ranges::equal(statistics.grams.at(statistic::gram)[g].values(),
                                 statistics.grams.at(statistic::weighted_gram)[g].values()));
    }
}

TEST_CASE("NaN gradients name the layer") {
    torch::manual_seed(6);
    SmallNetwork network;
    network.convolution->set_name("features.convolution");
    {
        const torch::NoGradGuard no_grad;
        network.head->weight().fill_(std::numeric_limits<float>::quiet_NaN());
    }
    CHECK_THROWS_WITH(statistics_of(network, network.layers().front(), {},
                                    torch::randn({4, 3, 4, 4}), {0, 1, 2, 3}),
                      ContainsSubstring("features.convolution"));
}
