#include "activations/find_ranges.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "networks/hash_weights.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

using enum ActivationGranularity;

struct Case {
    std::string model;
    test::MemorySource source{9, 32};
    std::shared_ptr<Network> network = find_model(model).make();

    explicit Case(std::string name) : model(std::move(name)) {
        test::set_hash_weights(*network);
        network->eval();
    }
    InputRanges find(const ActivationConfig& config,
                     const std::atomic<bool>& stop = test::never_stop) {
        BadImages bad(0);
        return find_ranges(*network, network->layers(), config,
                           test::pass_over(source, model, 4, bad, stop));
    }
};

/** Keeps every input of every layer as [outer, channels, inner]. */
class KeepingTap : public Tap {
  public:
    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        if (observed.layer() != nullptr) {
            inputs[observed.name()].push_back(channel_view(observed, input).clone());
        }
        return input;
    }
    std::map<std::string, std::vector<torch::Tensor>> inputs;
};

/** All inputs of a layer by range, [ranges, values]. */
std::map<std::string, torch::Tensor> kept_inputs(const Case& test_case,
                                                 ActivationGranularity granularity) {
    KeepingTap tap;
    BadImages bad(0);
    const auto pixels = test::pixels_of(test::pass_over(test_case.source, test_case.model, 4, bad));
    for (const auto& batch : pixels.split(4)) {
        const torch::NoGradGuard no_gradient;
        test_case.network->forward(batch, &tap);
    }
    std::map<std::string, torch::Tensor> kept;
    for (const auto& [layer, parts] : tap.inputs) {
        const auto all = torch::cat(parts);
        kept[layer] = granularity == per_channel ? all.transpose(0, 1).reshape({all.size(1), -1})
                                                 : all.reshape({1, -1});
    }
    return kept;
}

bool same(const InputRanges& a, const InputRanges& b) {
    return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
        return x.first == y.first && torch::equal(x.second.minimum, y.second.minimum) &&
               torch::equal(x.second.maximum, y.second.maximum);
    });
}

}  // namespace

TEST_CASE("min-max ranges are those of all inputs") {
    Case test_case(GENERATE("demo_vit", "demo_cnn"));
    const auto granularity = GENERATE(per_tensor, per_channel);
    const auto ranges = test_case.find({4, granularity, RangeChoice::minmax, 99.9, false});
    const auto kept = kept_inputs(test_case, granularity);
    REQUIRE(ranges.size() == kept.size());
    for (const auto& [layer, values] : kept) {
        INFO(layer);
        CHECK(torch::equal(ranges.at(layer).minimum, values.amin(1)));
        CHECK(torch::equal(ranges.at(layer).maximum, values.amax(1)));
    }
}

TEST_CASE("percentiles are off those of all sorted inputs by two bins at most") {
    Case test_case(GENERATE("demo_vit", "demo_cnn"));
    const auto granularity = GENERATE(per_tensor, per_channel);
    const double percentile = GENERATE(90.0, 99.0, 100.0);
    const auto ranges =
        test_case.find({4, granularity, RangeChoice::percentile, percentile, false});
    for (const auto& [layer, values] : kept_inputs(test_case, granularity)) {
        const auto sorted = std::get<0>(values.sort(1));
        const double last = static_cast<double>(sorted.size(1) - 1);
        // Where few values lie apart, a percentile is any number between two of them.
        const auto between = [&](double share, const torch::Tensor& found) {
            const auto slack = (sorted.select(1, sorted.size(1) - 1) - sorted.select(1, 0)) *
                               (2.0 / (granularity == per_channel ? 256 : 4096));
            const auto below = static_cast<int64_t>(std::max(std::floor(share * last) - 1, 0.0));
            const auto above = static_cast<int64_t>(std::min(std::ceil(share * last) + 1, last));
            return (found >= sorted.select(1, below) - slack).all().item<bool>() &&
                   (found <= sorted.select(1, above) + slack).all().item<bool>();
        };
        INFO(layer);
        CHECK(between(percentile / 100, ranges.at(layer).maximum));
        CHECK(between(1 - percentile / 100, ranges.at(layer).minimum));
    }
}

TEST_CASE("ranges have the same bits for any number of threads") {
    Case test_case("demo_cnn");
    for (const auto range : {RangeChoice::minmax, RangeChoice::percentile}) {
        const ActivationConfig config{4, per_channel, range, 99.0, false};
        set_torch_threads(1);
        const auto one = test_case.find(config);
        set_torch_threads(4);
        CHECK(same(one, test_case.find(config)));
    }
}

TEST_CASE("a layer whose inputs are not finite is named") {
    Case test_case("demo_vit");
    const auto& layers = test_case.network->layers();
    {
        const torch::NoGradGuard no_gradient;
        layers.front().layer->bias()[0] = std::numeric_limits<float>::quiet_NaN();
    }
    // A NaN bias spoils the inputs of all layers behind it: the first of them is told.
    CHECK_THROWS_WITH(
        test_case.find({8, per_tensor, RangeChoice::percentile, 99.9, false}),
        ContainsSubstring("layer " + layers[1].layer->name() + ": an input is NaN or infinite"));
    CHECK_THROWS_AS(test_case.find({8, per_tensor, {}, 99.9, false}, std::atomic<bool>{true}),
                    Interrupted);
}
