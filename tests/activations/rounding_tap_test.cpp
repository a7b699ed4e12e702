#include "activations/rounding_tap.hpp"

#include "activations/explicit_rounding.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

using enum ActivationGranularity;

/** `[outer, range, inner]` with every run of one range rounded by the reference; exact. */
torch::Tensor rounded_by_reference(const torch::Tensor& values, const InputRange& range, int bits,
                                   bool symmetric) {
    auto result = values.clone().contiguous();
    const auto ranges = range.minimum.numel();
    const auto inner = result.size(-1);
    float* value = result.data_ptr<float>();
    for (int64_t i = 0; i < result.numel(); ++i) {
        const auto at = i / inner % ranges;
        value[i] = test::round_to_levels(value[i], range.minimum[at].item<float>(),
                                         range.maximum[at].item<float>(), bits, symmetric);
    }
    return result;
}

torch::Tensor tapped(QuantizableLayer& layer, const InputRange& range, ActivationConfig config,
                     const torch::Tensor& input) {
    layer.set_name("layer");
    RoundingTap tap({{&layer, 0, 0, true}}, {{"layer", range}}, config, torch::kCPU);
    return tap.on_input(layer, input);
}

/** Both ends of the range lie within the values, so that some are clamped. */
InputRange range_of(int64_t channels) {
    return {-torch::rand({channels}) - 0.1F, torch::rand({channels}) + 0.1F};
}

}  // namespace

TEST_CASE("calibrated inputs are rounded as one value after the other would be") {
    torch::manual_seed(0);
    const int bits = GENERATE(2, 3, 4, 8);
    const bool symmetric = GENERATE(false, true);
    const auto granularity = GENERATE(per_tensor, per_channel);
    const ActivationConfig config{bits, granularity, RangeChoice::minmax, 99.9, symmetric};
    INFO(bits << " bits, symmetric " << symmetric);

    Linear linear(6, 3);
    const auto tokens = torch::randn({2, 5, 6});
    const auto features = range_of(granularity == per_channel ? 6 : 1);
    CHECK(torch::equal(
        tapped(*linear, features, config, tokens),
        rounded_by_reference(tokens.view({10, 6, 1}), features, bits, symmetric).view_as(tokens)));

    Conv2d convolution(4, 2, Conv2dOptions{.kernel = 3});
    const auto images = torch::randn({2, 4, 5, 3});
    const auto channels = range_of(granularity == per_channel ? 4 : 1);
    CHECK(torch::equal(
        tapped(*convolution, channels, config, images),
        rounded_by_reference(images.flatten(2), channels, bits, symmetric).view_as(images)));
}

TEST_CASE("per token, each token of a Linear layer and each image of a convolution has a range") {
    torch::manual_seed(1);
    const int bits = GENERATE(2, 4, 8);
    const bool symmetric = GENERATE(false, true);
    const ActivationConfig config{bits, per_token, RangeChoice::minmax, 99.9, symmetric};
    const auto check_rows = [&](const torch::Tensor& input, const torch::Tensor& output,
                                int64_t rows) {
        const auto expected = input.contiguous().view({rows, -1});
        const auto found = output.contiguous().view({rows, -1});
        for (int64_t row = 0; row < rows; ++row) {
            const float* first = expected[row].data_ptr<float>();
            const auto rounded = test::round_together(
                std::vector<float>(first, first + expected.size(1)), bits, symmetric);
            const float* value = found[row].data_ptr<float>();
            CHECK(std::vector<float>(value, value + found.size(1)) == rounded);
        }
    };
    Linear linear(6, 3);
    const auto tokens = torch::randn({2, 6, 5}).transpose(1, 2) * torch::rand({2, 5, 1});
    check_rows(tokens, tapped(*linear, {}, config, tokens), 10);
    Conv2d convolution(4, 2, Conv2dOptions{.kernel = 3});
    const auto images = torch::randn({3, 4, 5, 3});
    check_rows(images, tapped(*convolution, {}, config, images), 3);
}

TEST_CASE("zero stays exact, ties go to the even level and nothing is lost of few levels") {
    const auto all = [](float minimum, float maximum) {
        return InputRange{torch::tensor({minimum}), torch::tensor({maximum})};
    };
    const auto round = [](const InputRange& range, int bits, bool symmetric,
                          std::vector<float> values) {
        const auto rounded =
            rounding_grid(range, bits, symmetric).round(torch::tensor(values)).contiguous();
        return std::vector<float>(rounded.data_ptr<float>(),
                                  rounded.data_ptr<float>() + rounded.numel());
    };
    using Values = std::vector<float>;
    // A range off 0 is widened to hold it.
    CHECK(round(all(1, 3), 2, false, {0, 0.5F, 1.5F, 2.5F, 9}) == Values{0, 0, 2, 2, 3});
    CHECK(round(all(-3, -1), 2, false, {0, -0.5F, -1.5F, -9}) == Values{0, 0, -2, -3});
    CHECK(round(all(-7, 3), 4, true, {-9, -7, 0, 7, 8}) == Values{-8, -7, 0, 7, 7});
    CHECK(round(all(0, 0), 4, GENERATE(false, true), {0, 0.25F}) == Values{0, 0});
}

TEST_CASE("layers that are not named keep their inputs") {
    Linear named(3, 2);
    Linear other(3, 2);
    RoundingTap tap({{&*named, 0, 0, true}}, {}, {4, per_token, {}, 99.9, false}, torch::kCPU);
    const auto input = torch::randn({2, 3});
    CHECK(tap.on_input(*other, input).is_same(input));
    CHECK_FALSE(torch::equal(tap.on_input(*named, input), input));
    CHECK(tap.on_input(*named, torch::empty({0, 3})).numel() == 0);
}
