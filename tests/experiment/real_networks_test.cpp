#include <algorithm>
#include <cstdlib>
#include <string>

#include "experiment/runs.hpp"
#include "results/figures.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Makes the shipped configs find the real weights and images. */
void use_assets(const std::filesystem::path& folder) { setenv("COMQ_ASSETS", folder.c_str(), 1); }

int64_t layers_below_rtn(const RunRecord& run) {
    return std::ranges::count_if(run.layers, [](const LayerRecord& layer) {
        return layer.relative_error < layer.rtn_relative_error;
    });
}

}  // namespace

TEST_CASE("golden: DeiT-Tiny with the authors' code on 500 photos") {
    COMQ_NEED_ASSETS(assets);
    use_assets(assets);
    const auto folder = test::temporary_folder();
    const auto run = test::run_shipped("deit_tiny_4bit", folder,
                                       {"quantization.preset=authors_code",
                                        "calibration.images=500", "calibration.selection=first"});
    // assets/README.md and golden/README.md: one standard error is 1.5 points; the codes agree to
    // 99.2%, so the accuracies differ by a few images.
    CHECK(run.full_precision->images == 500);
    CHECK(std::abs(run.full_precision->top1 - 88.2) <= 1.0);
    CHECK(std::abs(run.full_precision->top5 - 98.0) <= 1.0);
    CHECK(std::abs(run.quantized->top1 - 86.0) <= 2.0);
    CHECK(run.layers.size() == 48);
    CHECK(layers_below_rtn(run) == 48);
    CHECK(find_figure("mean_squared_relative_error")->value(run) == Approx(0.00806).epsilon(0.02));
}

TEST_CASE("golden: DeiT-Tiny in cyclic order on 64 photos") {
    COMQ_NEED_ASSETS(assets);
    use_assets(assets);
    const auto run =
        test::run_shipped("deit_tiny_4bit", test::temporary_folder(),
                          {"quantization.preset=authors_code", "quantization.order=cyclic",
                           "calibration.images=64", "calibration.selection=first"});
    CHECK(std::abs(run.quantized->top1 - 84.8) <= 2.0);
    CHECK(find_figure("mean_squared_relative_error")->value(run) == Approx(0.00729).epsilon(0.02));
}

TEST_CASE("SqueezeNet at 4 bits is at least as good as rounding to nearest") {
    COMQ_NEED_ASSETS(assets);
    use_assets(assets);
    const auto folder = test::temporary_folder();
    const auto comq = test::run_shipped("squeezenet_4bit", folder);
    CHECK(std::abs(comq.full_precision->top1 - 62.0) <= 1.0);
    CHECK(std::abs(comq.full_precision->top5 - 85.8) <= 1.0);
    CHECK(layers_below_rtn(comq) == static_cast<int64_t>(comq.layers.size()));
    const auto rtn = test::run_shipped("squeezenet_4bit", folder, {"quantization.method=rtn"},
                                       Leftover::restart);
    CHECK(comq.quantized->top1 >= rtn.quantized->top1);
}

TEST_CASE("CIFAR ResNet-20 at 4 bits on the whole test set") {
    COMQ_NEED_ASSETS(assets);
    use_assets(assets);
    const auto folder = test::temporary_folder();
    const auto comq = test::run_shipped("cifar_resnet20_4bit", folder);
    CHECK(comq.full_precision->images == 10'000);
    CHECK(std::abs(comq.full_precision->top1 - 81.03) <= 0.1);
    CHECK(layers_below_rtn(comq) == static_cast<int64_t>(comq.layers.size()));
    const auto rtn = test::run_shipped("cifar_resnet20_4bit", folder, {"quantization.method=rtn"},
                                       Leftover::restart);
    CHECK(comq.quantized->top1 >= rtn.quantized->top1);
}
