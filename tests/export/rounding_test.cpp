#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <algorithm>

#include "activations/rounding_tap.hpp"
#include "export/workplace.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;

namespace {

/** Random values beyond the range, every level, and what lies halfway between two. */
torch::Tensor values_around(const RoundingGrid& grid, const torch::Tensor& random) {
    const auto steps = torch::arange(grid.top_code + 1, torch::kFloat);
    const auto levels = (steps + grid.lowest.flatten()[0]) * grid.scale.flatten()[0];
    const auto between = (steps + 0.5F + grid.lowest.flatten()[0]) * grid.scale.flatten()[0];
    auto values = random.clone();
    auto first = values.select(0, 0).flatten();
    const auto chosen = torch::cat({levels, between});
    const auto count = std::min(first.numel(), chosen.numel());
    first.slice(0, 0, count).copy_(chosen.slice(0, 0, count));
    values.select(0, 0).copy_(first.view_as(values.select(0, 0)));
    return values;
}

}  // namespace

TEST_CASE("inputs are rounded by ONNX Runtime to the bits that comq rounds them to") {
    COMQ_NEED_EXPORTS();
    auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{7});
    TensorMap tensors;
    for (int bits = 2; bits <= 8; ++bits) {
        for (const bool symmetric : {false, true}) {
            for (const bool of_convolution : {false, true}) {
                for (const bool per_channel : {false, true}) {
                    const auto random = of_convolution ? torch::randn({2, 6, 10, 9}, generator)
                                                       : torch::randn({3, 90, 6}, generator);
                    std::vector<int64_t> shape{1};
                    if (per_channel)
                        shape = of_convolution ? std::vector<int64_t>{6, 1, 1}
                                               : std::vector<int64_t>{6};
                    const InputRange range{-torch::rand(shape, generator) * 2,
                                           torch::rand(shape, generator) * 3};
                    const RoundingGrid grid = rounding_grid(range, bits, symmetric);
                    const auto values = values_around(grid, random);
                    const auto name =
                        fmt::format("{}-{}-{}-{}", bits, symmetric ? "symmetric" : "asymmetric",
                                    of_convolution ? "convolution" : "linear",
                                    per_channel ? "channel" : "tensor");
                    tensors[name + ".values"] = to_host(values);
                    tensors[name + ".rounded"] = to_host(grid.round(values));
                    tensors[name + ".scale"] = to_host(grid.scale.flatten());
                    tensors[name + ".lowest"] = to_host(grid.lowest.flatten());
                }
            }
        }
    }
    const test::Workplace place;
    write_safetensors(place.file("rounding.safetensors"), tensors);
    CHECK(test::check_with_python("check_rounding.py", {place.file("rounding.safetensors")},
                                  place.folder / "log"));
    CHECK_THAT(place.log(), ContainsSubstring("56 cases"));
}
