#include "networks/layers.hpp"

#include <algorithm>
#include <thread>

#include "hash_weights.hpp"
#include "networks/norms.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

struct Case {
    const char* name;
    int64_t in_channels, out_channels, height, width;
    Conv2dOptions options;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"1x1", 6, 4, 5, 7, {}},
        {"1x1 strided", 6, 4, 5, 7, {.stride = 2}},
        {"1x1 padded", 3, 4, 5, 7, {.padding = 1}},
        {"1x1 grouped", 6, 4, 5, 7, {.groups = 2}},
        {"3x3", 3, 5, 8, 6, {.kernel = 3}},
        {"3x3 padded", 3, 5, 8, 6, {.kernel = 3, .padding = 1}},
        {"3x3 strided, padded", 3, 5, 9, 6, {.kernel = 3, .stride = 2, .padding = 1}},
        {"3x3 dilated", 3, 5, 9, 8, {.kernel = 3, .padding = 2, .dilation = 2}},
        {"7x7 stem", 3, 4, 15, 17, {.kernel = 7, .stride = 2, .padding = 3, .bias = false}},
        {"patches", 3, 8, 16, 16, {.kernel = 4, .stride = 4}},
        {"grouped", 8, 4, 6, 6, {.kernel = 3, .padding = 1, .groups = 4}},
        {"depthwise", 5, 5, 7, 6, {.kernel = 3, .stride = 2, .padding = 1, .groups = 5}},
        {"depthwise with multiplier", 3, 6, 7, 6, {.kernel = 3, .padding = 1, .groups = 3}},
        {"same, odd total", 4, 4, 8, 8, {.kernel = 3, .stride = 2, .same_padding = true}},
        {"same, even total", 4, 4, 7, 9, {.kernel = 5, .stride = 2, .same_padding = true}},
        {"same, none needed", 4, 4, 6, 6, {.kernel = 1, .stride = 2, .same_padding = true}},
        {"same, height only", 4, 4, 7, 6, {.kernel = 2, .stride = 2, .same_padding = true}},
        {"same, dilated", 2, 3, 9, 9, {.kernel = 3, .dilation = 2, .same_padding = true}},
        {"same, depthwise",
         6,
         6,
         8,
         9,
         {.kernel = 5, .stride = 2, .groups = 6, .same_padding = true}},
        {"1x7", 3, 4, 5, 9, {.kernel = {1, 7}, .padding = {0, 3}}},
        {"7x1, strided along it", 3, 4, 9, 5, {.kernel = {7, 1}, .stride = {2, 1}}},
        {"rectangular in all",
         4,
         6,
         11,
         12,
         {.kernel = {3, 5}, .stride = {2, 3}, .padding = {1, 4}, .dilation = {2, 1}, .groups = 2}},
        {"1x1, strided along one axis", 4, 6, 7, 8, {.kernel = 1, .stride = {1, 2}}},
        {"same, even kernel", 3, 4, 8, 7, {.kernel = {4, 2}, .same_padding = true}},
        {"one row", 3, 4, 1, 12, {.kernel = {1, 5}, .stride = {1, 2}, .padding = {0, 2}}},
    };
    return all;
}

struct Axis {
    int64_t kernel, stride, padding, dilation;
    bool same;

    int64_t outputs(int64_t size) const {
        if (same) return (size + stride - 1) / stride;
        return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
    }
    int64_t padding_before(int64_t size) const {
        if (!same) return padding;
        const int64_t last = (outputs(size) - 1) * stride;
        return std::max<int64_t>(last + dilation * (kernel - 1) + 1 - size, 0) / 2;
    }
};

Axis axis_of(const Conv2dOptions& o, int64_t HeightWidth::*axis) {
    return {o.kernel.*axis, o.stride.*axis, o.padding.*axis, o.dilation.*axis, o.same_padding};
}

/** Patches by the definition of a convolution, one number at a time. */
torch::Tensor brute_force_rows(const torch::Tensor& input, const Case& c) {
    const Conv2dOptions& o = c.options;
    const int64_t batch = input.size(0), channels = c.in_channels / o.groups;
    const Axis along_y = axis_of(o, &HeightWidth::height),
               along_x = axis_of(o, &HeightWidth::width);
    const int64_t height = along_y.outputs(c.height), width = along_x.outputs(c.width);
    const int64_t top = along_y.padding_before(c.height), left = along_x.padding_before(c.width);
    torch::Tensor rows =
        torch::zeros({o.groups, batch * height * width, channels * o.kernel.product()});
    auto to = rows.accessor<float, 3>();
    const auto from = input.accessor<float, 4>();
    for (int64_t g = 0; g < o.groups; ++g)
        for (int64_t b = 0; b < batch; ++b)
            for (int64_t y = 0; y < height; ++y)
                for (int64_t x = 0; x < width; ++x)
                    for (int64_t i = 0; i < channels; ++i)
                        for (int64_t ky = 0; ky < along_y.kernel; ++ky)
                            for (int64_t kx = 0; kx < along_x.kernel; ++kx) {
                                const int64_t v = y * along_y.stride + ky * along_y.dilation - top;
                                const int64_t u = x * along_x.stride + kx * along_x.dilation - left;
                                if (v < 0 || u < 0 || v >= c.height || u >= c.width) continue;
                                to[g][(b * height + y) * width + x]
                                  [(i * along_y.kernel + ky) * along_x.kernel + kx] =
                                      from[b][g * channels + i][v][u];
                            }
    return rows;
}

class RecordingTap : public Tap {
  public:
    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        names.push_back(layer.name());
        return replacement.defined() ? replacement : input;
    }
    std::vector<std::string> names;
    torch::Tensor replacement;
};

}  // namespace

TEST_CASE("rows of a convolution are its patches, and rows times weight its output") {
    const torch::InferenceMode inference;
    for (const Case& c : cases()) {
        INFO(c.name);
        Conv2d conv(c.in_channels, c.out_channels, c.options);
        conv->weight().copy_(test::hash_tensor("weight", conv->weight().sizes().vec()));
        if (c.options.bias) conv->bias().copy_(test::hash_tensor("bias", {c.out_channels}));
        CHECK(conv->bias().defined() == c.options.bias);
        const torch::Tensor input =
            test::hash_tensor("input", {2, c.in_channels, c.height, c.width});

        const torch::Tensor rows = conv->rows(input);
        CHECK(rows.is_contiguous());
        CHECK(torch::equal(rows, brute_force_rows(input, c)));
        CHECK(rows.size(0) == conv->groups());
        CHECK(rows.size(2) == conv->in_features());

        const torch::Tensor output = conv->forward(input);
        const int64_t groups = conv->groups(), m = conv->in_features();
        // [groups, N, out / groups] to [B, out, H, W]
        torch::Tensor product =
            torch::bmm(rows, conv->weight().view({groups, -1, m}).transpose(1, 2));
        product = product.permute({1, 0, 2})
                      .reshape({2, output.size(2), output.size(3), c.out_channels})
                      .permute({0, 3, 1, 2});
        if (c.options.bias) product = product + conv->bias().view({1, -1, 1, 1});
        // fp32 sums of at most 147 terms in another order
        CHECK(test::relative_difference(product, output) < 1e-5);
    }
}

TEST_CASE("same padding keeps ceil(size / stride) and puts the odd pixel below and right") {
    Conv2d conv(1, 1, Conv2dOptions{.kernel = 2, .bias = false, .same_padding = true});
    const torch::NoGradGuard no_grad;
    conv->weight().copy_(torch::tensor({1.F, 10.F, 100.F, 1000.F}).view({1, 1, 2, 2}));
    const torch::Tensor image = torch::tensor({1.F, 2.F, 3.F, 4.F}).view({1, 1, 2, 2});
    const torch::Tensor expected = torch::tensor({4321.F, 402.F, 43.F, 4.F}).view({1, 1, 2, 2});
    CHECK(torch::equal(conv->forward(image), expected));
}

TEST_CASE("rows of a linear layer flatten every leading dimension") {
    const torch::NoGradGuard no_grad;
    Linear linear(6, 4);
    linear->weight().copy_(test::hash_tensor("weight", {4, 6}));
    linear->bias().copy_(test::hash_tensor("bias", {4}));
    const torch::Tensor input = test::hash_tensor("input", {2, 3, 5, 6});
    const torch::Tensor rows = linear->rows(input);
    CHECK(rows.sizes().vec() == std::vector<int64_t>{1, 30, 6});
    const torch::Tensor product = torch::mm(rows[0], linear->weight().t()) + linear->bias();
    CHECK(test::relative_difference(product.view({2, 3, 5, 4}), linear->forward(input)) < 1e-6);
    CHECK(linear->rows(input.transpose(0, 1)).is_contiguous());
    CHECK_FALSE(Linear(6, 4, false)->bias().defined());
}

TEST_CASE("a tap sees and replaces the inputs of its own thread only") {
    const torch::NoGradGuard no_grad;
    Linear linear(2, 1, false);
    linear->weight().fill_(1);
    linear->set_name("head");
    const torch::Tensor input = torch::ones({1, 2});
    RecordingTap outer, inner;
    inner.replacement = torch::full({1, 2}, 5.0F);
    run_with_tap(&outer, [&] {
        linear->forward(input);
        run_with_tap(&inner, [&] {
            CHECK(linear->forward(input).item<float>() == 10);
            std::thread([&] { linear->forward(input); }).join();
            run_with_tap(nullptr, [&] { linear->forward(input); });
        });
        CHECK(linear->forward(input).item<float>() == 2);
    });
    linear->forward(input);
    CHECK(outer.names == std::vector<std::string>{"head", "head"});
    CHECK(inner.names == std::vector<std::string>{"head"});
}

TEST_CASE("norms are those of their definitions") {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(2);
    LayerNorm layer_norm(6, 0.1);
    layer_norm->weight().uniform_();
    layer_norm->bias().uniform_();
    const auto tokens = torch::randn({2, 3, 6});
    const auto centred = tokens - tokens.mean(-1, true);
    const auto expected =
        centred / (centred.square().mean(-1, true) + 0.1).sqrt() * layer_norm->weight() +
        layer_norm->bias();
    CHECK(torch::allclose(layer_norm->forward(tokens), expected, 1e-5, 1e-6));

    BatchNorm2d batch_norm(3, 0.1);
    batch_norm->eval();
    batch_norm->weight().uniform_();
    batch_norm->bias().uniform_();
    BatchStatistics& statistics = *batch_norm->batch_statistics();
    statistics.mean.uniform_();
    statistics.variance.uniform_();
    const auto maps = torch::randn({4, 3, 5, 5});
    const auto by_channel = [](const torch::Tensor& values) { return values.view({3, 1, 1}); };
    const auto normalised = [&](const torch::Tensor& mean, const torch::Tensor& variance) {
        return (maps - by_channel(mean)) / by_channel(variance + 0.1).sqrt() *
                   by_channel(batch_norm->weight()) +
               by_channel(batch_norm->bias());
    };
    CHECK(torch::allclose(batch_norm->forward(maps),
                          normalised(statistics.mean, statistics.variance), 1e-5, 1e-6));
    statistics.of_each_batch = true;
    const auto mean = maps.mean({0, 2, 3}), variance = maps.var({0, 2, 3}, false);
    CHECK(torch::allclose(batch_norm->forward(maps), normalised(mean, variance), 1e-5, 1e-5));
    CHECK(torch::allclose(statistics.mean, mean, 1e-5, 1e-6));
    CHECK(torch::allclose(statistics.variance, variance * (100.0 / 99.0), 1e-5, 1e-6));
}
