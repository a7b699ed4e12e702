#include "points/point.hpp"

#include "quantization/method.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Round to nearest on all evaluation images: the weights alone decide. */
ExperimentConfig rounding() {
    ExperimentConfig config;
    config.quantization.method = "rtn";
    return config;
}

/** Whether it depends on the seed once `change` was made to round to nearest. */
template <typename Change>
bool depends_with(Change&& change) {
    ExperimentConfig config = rounding();
    change(config);
    return depends_on_seed(config);
}

}  // namespace

TEST_CASE("rounding and a network left as it is do not depend on the seed") {
    CHECK_FALSE(depends_on_seed(rounding()));
    CHECK_FALSE(depends_with([](auto& config) { config.quantization.method = "none"; }));
    CHECK_FALSE(depends_with([](auto& config) { config.repair.fold_batch_norm = true; }));
    CHECK_FALSE(depends_with([](auto& config) {
        config.activations.bits = 8;
        config.activations.granularity = ActivationGranularity::per_token;
    }));
}

TEST_CASE("every other method does, unless its images are the first ones") {
    for (const auto& name : method_names()) {
        INFO(name);
        ExperimentConfig config;
        config.quantization.method = name;
        CHECK(depends_on_seed(config) == (name != "rtn"));
        config.calibration.selection = Selection::first;
        CHECK_FALSE(depends_on_seed(config));
        config.calibration.weighting = Weighting::row_importance;
        CHECK(depends_on_seed(config) == (name != "rtn"));
        config.calibration = {};
        config.calibration.selection = Selection::first;
        config.calibration.views = 2;
        CHECK(depends_on_seed(config) == (name != "rtn"));
    }
    CHECK(depends_with([](auto& config) { config.quantization.method = "brevitas_gptq"; }));
}

TEST_CASE("what else reads drawn images makes rounding depend on the seed") {
    CHECK(depends_with([](auto& config) { config.quantization.grid = GridChoice::searched; }));
    CHECK(depends_with([](auto& config) { config.quantization.grid = GridChoice::look_ahead; }));
    CHECK(depends_with([](auto& config) { config.quantization.average_bits = 3.0; }));
    CHECK(depends_with(
        [](auto& config) { config.calibration.inputs = CalibrationInputs::quantized; }));
    CHECK(depends_with([](auto& config) { config.activations.bits = 8; }));
    CHECK(depends_with([](auto& config) { config.evaluation.images = 100; }));
    CHECK(depends_with([](auto& config) { config.repair.bias_correction = true; }));
    CHECK(depends_with([](auto& config) { config.repair.norm_tuning = NormTuning::labels; }));
    CHECK(depends_with([](auto& config) {
        config.quantization.method = "none";
        config.repair.reestimate_batch_norm = true;
    }));
}
