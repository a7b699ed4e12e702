#include "repair/tuned_grid.hpp"

#include "networks/layers.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;

namespace {

constexpr int64_t out = 3, in = 8, groups = 2;

/** Codes of 2 bits with scales and zero points, one for each channel and half of its columns. */
LayerRecord some_record() {
    LayerRecord record;
    record.bit_code = to_host(torch::randint(4, {out, in}).to(torch::kUInt8));
    record.scale = to_host(torch::rand({out, groups}) + 0.1);
    record.zero_point = to_host(torch::rand({out, groups}) - 2.0);
    return record;
}

torch::Tensor grouped(const HostTensor& values) {
    return to_float(values).view({out, groups, -1}).clone();
}

/** What `grid` is the closed form of, differentiated by PyTorch. */
struct Expected {
    torch::Tensor factor;
    torch::Tensor shift;
    torch::Tensor weight;
};
Expected differentiated(const LayerRecord& record, const torch::Tensor& gradient, bool one) {
    const std::vector<int64_t> shape =
        one ? std::vector<int64_t>{1, 1, 1} : std::vector<int64_t>{out, groups, 1};
    auto factor = torch::ones(shape).requires_grad_(true);
    auto shift = torch::zeros(shape).requires_grad_(true);
    const auto weight = grouped(record.scale) * factor *
                        (grouped(record.bit_code) + grouped(record.zero_point) + shift);
    (weight.view({out, in}) * gradient).sum().backward();
    return {factor.grad(), shift.grad(), weight.detach().view({out, in})};
}

}  // namespace

TEST_CASE("gradients of a grid are those of its formula") {
    torch::manual_seed(0);
    const bool one = GENERATE(false, true);
    auto record = some_record();
    Linear layer(in, out);
    layer->weight().requires_grad_(false);
    const auto gradient = torch::randn({out, in});
    const auto expected = differentiated(record, gradient, one);

    TunedGrid grid(*layer, record, layer->weight(), one);
    grid.set_gradients(gradient);
    CHECK(torch::allclose(grid.factor().grad(), expected.factor, 1e-5, 1e-6));
    CHECK(torch::allclose(grid.shift().grad(), expected.shift, 1e-5, 1e-6));
    grid.install();
    CHECK(torch::allclose(layer->weight(), expected.weight, 1e-6, 1e-7));
}

TEST_CASE("a grid's layer may see its parameter transposed") {
    torch::manual_seed(1);
    auto record = some_record();
    Linear layer(in, out);
    const auto parameter = torch::randn({in, out});
    layer->weight() = parameter.t();
    const auto gradient = torch::randn({out, in});
    const auto expected = differentiated(record, gradient, false);

    TunedGrid grid(*layer, record, parameter, false);
    grid.set_gradients(gradient.t());
    CHECK(torch::allclose(grid.factor().grad(), expected.factor, 1e-5, 1e-6));
    grid.install();
    CHECK(torch::allclose(parameter.t(), expected.weight, 1e-6, 1e-7));
}

TEST_CASE("an installed grid is what its record says") {
    torch::manual_seed(2);
    auto record = some_record();
    const auto codes = to_torch(record.bit_code).clone();
    const auto scale = to_torch(record.scale).clone();
    const auto zero_point = to_torch(record.zero_point).clone();
    Linear layer(in, out);
    layer->weight().requires_grad_(false);
    TunedGrid grid(*layer, record, layer->weight(), false);
    grid.factor().mul_(1.25);
    grid.shift().add_(0.5);
    grid.install();
    CHECK(torch::equal(to_torch(record.bit_code), codes));
    CHECK(torch::allclose(to_torch(record.scale), 1.25 * scale));
    CHECK(torch::allclose(to_torch(record.zero_point), zero_point + 0.5));
    CHECK(torch::equal(layer->weight(),
                       dequantized(record.bit_code, record.scale, record.zero_point)));
}

TEST_CASE("freed codes are the layer's at first, and follow their positions") {
    torch::manual_seed(3);
    auto record = some_record();
    record.bits = 2;
    const auto codes = to_torch(record.bit_code).clone();
    Linear layer(in, out);
    layer->weight().requires_grad_(false);
    TunedGrid grid(*layer, record, layer->weight(), false);
    const auto weight = torch::randn({out, in}).requires_grad_(true);
    grid.free_codes(weight);
    CHECK_FALSE(grid.position().requires_grad());
    const auto distance = grid.position() - codes.view({out, groups, -1});
    CHECK(distance.abs().max().item<float>() < 0.5F);
    // As far towards the float weight as the cell reaches.
    const auto target = weight.view({out, groups, -1}) / grouped(record.scale) -
                        grouped(record.zero_point) - codes.view({out, groups, -1});
    CHECK((distance * target >= 0).all().item<bool>());
    CHECK(torch::allclose(distance.abs(), target.abs().clamp_max(0.4), 1e-4, 1e-5));
    grid.install();
    CHECK(torch::equal(to_torch(record.bit_code), codes));
    CHECK(grid.changed_codes() == 0);

    grid.factor().mul_(1.5);
    const auto gradient = torch::randn({out, in});
    grid.set_gradients(gradient);
    CHECK(torch::allclose(
        grid.position().grad().view({out, in}),
        gradient * (1.5 * grouped(record.scale)).expand({-1, -1, in / groups}).reshape({out, in})));

    grid.position().add_(1.0);
    grid.install();
    const auto next = (codes.to(torch::kFloat32) + 1).clamp_max(3);
    CHECK(torch::equal(to_torch(record.bit_code).to(torch::kFloat32), next));
    CHECK(grid.changed_codes() == (codes < 3).sum().item<int64_t>());
    CHECK(torch::equal(layer->weight(),
                       dequantized(record.bit_code, record.scale, record.zero_point)));
    // A position never leaves the grid by more than its cell.
    grid.position().add_(100.0);
    grid.install();
    CHECK((grid.position() < 3.5).all().item<bool>());
}

TEST_CASE(
    "learned rounding begins at the layer's codes, and its gradients are those of its formula") {
    torch::manual_seed(4);
    auto record = some_record();
    record.bits = 2;
    const auto codes = to_torch(record.bit_code).clone();
    Linear layer(in, out);
    layer->weight().requires_grad_(false);
    const auto weight = torch::randn({out, in});
    const auto target =
        weight.view({out, groups, -1}) / grouped(record.scale) - grouped(record.zero_point);
    {
        TunedGrid grid(*layer, record, layer->weight(), false);
        grid.learn_rounding(weight);
        grid.decide();
        grid.install();
        CHECK(torch::equal(to_torch(record.bit_code), codes));
        CHECK(grid.changed_codes() == 0);
    }
    TunedGrid grid(*layer, record, layer->weight(), false);
    grid.learn_rounding(weight);
    grid.install();
    CHECK(torch::equal(to_torch(record.bit_code), codes));
    // Between the code and its neighbour on the float weight's side.
    const auto soft = layer->weight().view({out, groups, -1}) / grouped(record.scale) -
                      grouped(record.zero_point) - grouped(record.bit_code);
    CHECK(soft.abs().max().item<float>() < 0.5F);
    const auto agrees = soft * (target - grouped(record.bit_code)) >= 0.0;
    CHECK(agrees.logical_or(soft.abs() < 0.011).all().item<bool>());

    const auto gradient = torch::randn({out, in});
    const double strength = 0.7, exponent = 3.0;
    auto position = grid.position().clone().requires_grad_(true);
    const auto height = [](const torch::Tensor& p) {
        return (1.2 * p.sigmoid() - 0.1).clamp(0, 1);
    };
    const auto loss =
        (height(position) * grouped(record.scale) * gradient.view({out, groups, -1})).sum() +
        strength * (1.0 - (2.0 * height(position) - 1.0).abs().pow(exponent)).sum();
    loss.backward();
    grid.set_gradients(gradient);
    grid.regularize(strength, exponent);
    CHECK(torch::allclose(grid.position().grad(), position.grad(), 1e-4, 1e-6));

    grid.position().fill_(5.0);
    grid.decide();
    grid.install();
    CHECK(torch::equal(layer->weight(),
                       dequantized(record.bit_code, record.scale, record.zero_point)));
    const auto step = to_torch(record.bit_code).to(torch::kInt32) - codes.to(torch::kInt32);
    CHECK(step.min().item<int>() >= 0);
    CHECK(step.max().item<int>() == 1);
}
