#include "calibration/residual_moment.hpp"

#include <limits>

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** What a layer sees and is added to in two networks, of any numbers. */
SummedPair random_pair(const torch::Tensor& input, at::IntArrayRef output) {
    return {{input, input + 0.1 * torch::randn_like(input)},
            {torch::randn(output), torch::randn(output)}};
}

/** The images first … first + count − 1 of a pair. */
SummedPair part(const SummedPair& pair, int64_t first, int64_t count) {
    const auto of = [&](const ActivationPair& both) {
        return ActivationPair{both.full_precision.narrow(0, first, count),
                              both.quantized.narrow(0, first, count)};
    };
    return {of(pair.input), of(pair.stream)};
}

torch::Tensor as_tensor(const Matrix<double>& matrix) {
    return torch::from_blob(const_cast<double*>(matrix.data()), {matrix.rows(), matrix.cols()},
                            torch::kDouble)
        .clone();
}

/** Entry by entry from the definition: outputs o of group g, inputs of their patch. */
torch::Tensor brute_force(const QuantizableLayer& layer, const SummedPair& pair,
                          const torch::Tensor& weight, int64_t group) {
    const auto change = (pair.stream.full_precision - pair.stream.quantized).to(torch::kDouble);
    const int64_t channels = layer.out_features() / layer.groups();
    const bool maps = layer.convolution() != nullptr;
    // [rows, out]: rows are images, then the pixels of the output, or tokens.
    const auto all = maps ? change.flatten(2).transpose(1, 2).reshape({-1, layer.out_features()})
                          : change.reshape({-1, layer.out_features()});
    const auto rows = layer.rows(pair.input.quantized)[group].to(torch::kDouble);
    auto moment = torch::zeros({channels, layer.in_features()}, torch::kDouble);
    for (int64_t t = 0; t < rows.size(0); ++t) {
        const double w = weight.defined() ? weight[group][t].item<double>() : 1.0;
        for (int64_t o = 0; o < channels; ++o) {
            moment[o] += rows[t] * (w * all[t][group * channels + o]);
        }
    }
    return moment;
}

void check(QuantizableLayer& layer, const SummedPair& pair, bool weighted) {
    const auto rows = layer.rows(pair.input.quantized);
    const auto weight = weighted ? torch::rand({layer.groups(), rows.size(1)}) : torch::Tensor();
    const int64_t of_image = rows.size(1) / pair.input.quantized.size(0);
    const auto collect = [&](int64_t first, int64_t count, ResidualMomentCollector& into) {
        into.add(part(pair, first, count),
                 weighted ? weight.narrow(1, first * of_image, count * of_image) : weight);
    };
    ResidualMomentCollector forwards(layer), backwards(layer);
    collect(0, 2, forwards);
    collect(2, 1, forwards);
    collect(2, 1, backwards);
    collect(0, 2, backwards);
    LayerStatistics statistics, other;
    forwards.take(statistics);
    backwards.take(other);
    REQUIRE(std::ssize(statistics.residual_moment) == layer.groups());
    for (int64_t g = 0; g < layer.groups(); ++g) {
        const auto ours = as_tensor(statistics.residual_moment[static_cast<std::size_t>(g)]);
        const auto exact = brute_force(layer, pair, weight, g);
        CHECK(((ours - exact).abs().max() / exact.abs().max()).item<double>() < 1e-6);
        CHECK(torch::equal(ours, as_tensor(other.residual_moment[static_cast<std::size_t>(g)])));
    }
}

}  // namespace

TEST_CASE("a residual moment is that of the rows and the change of the stream, in any order") {
    torch::manual_seed(7);
    const bool weighted = GENERATE(false, true);
    Linear linear(10, 4);
    check(*linear, random_pair(torch::randn({3, 7, 10}), {3, 7, 4}), weighted);
    Conv2dOptions options;
    options.kernel = 3;
    options.padding = 1;
    options.stride = GENERATE(1, 2);
    options.groups = GENERATE(1, 2, 6);
    Conv2d convolution(6, 12, options);
    const int64_t side = options.stride.height == 1 ? 5 : 3;
    check(*convolution, random_pair(torch::randn({3, 6, 5, 5}), {3, 12, side, side}), weighted);
}

TEST_CASE("a stream with NaN names the layer that is added to it") {
    Linear linear(3, 2);
    linear->set_name("blocks.1.attn.proj");
    auto pair = random_pair(torch::ones({1, 4, 3}), {1, 4, 2});
    pair.stream.quantized[0][1][1] = std::numeric_limits<float>::quiet_NaN();
    ResidualMomentCollector collector(*linear);
    collector.add(pair);
    LayerStatistics statistics;
    CHECK_THROWS_WITH(collector.take(statistics), ContainsSubstring("blocks.1.attn.proj"));
}
