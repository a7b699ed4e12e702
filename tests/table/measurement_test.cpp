#include "table/measurement.hpp"

#include <cmath>

#include "support/catch.hpp"
#include "table/made_runs.hpp"

using namespace comq;

namespace {

std::optional<Measurement> measured_in(const RunRecord& run, const char* figure) {
    return measured(*find_figure(figure), run);
}

}  // namespace

TEST_CASE("what a run measured of a figure has the standard error that the file stores") {
    RunRecord run = test::record_of({.right = 80, .images = 100});
    CHECK(measured_in(run, "top1")->value == Approx(80));
    CHECK(measured_in(run, "top1")->standard_error == Approx(4));  // 100·sqrt(0.8·0.2/100)
    run.quantized->top1_standard_error = 3.5;
    CHECK(measured_in(run, "top1")->standard_error == 3.5);
    CHECK(measured_in(run, "mean_squared_relative_error")->value == 0.0625);
    CHECK(std::isnan(measured_in(run, "mean_squared_relative_error")->standard_error));
    CHECK(measured_in(run, "solve_seconds")->value == 0.75);  // both parts of the stage
}

TEST_CASE("what a run did not measure has no value") {
    RunRecord run = test::record_of({.overrides = {"quantization.method=none"}});
    CHECK(measured_in(run, "full_precision_top1").has_value());
    for (const char* figure : {"top1", "top5", "agreement", "mean_squared_relative_error",
                               "average_bits_with_scales", "average_code_bits"}) {
        CHECK_FALSE(measured_in(run, figure).has_value());
    }
}

TEST_CASE("runs are averaged with the standard error of their mean") {
    const Measurement mean = mean_of({{70, 3}, {71, 3}, {75, 3}});
    CHECK(mean.value == Approx(72));
    // Sample variance ((−2)² + (−1)² + 3²) / 2 = 7, over 3 runs.
    CHECK(mean.standard_error == Approx(std::sqrt(7.0 / 3)));
    CHECK(mean_of({{70, 3}}).standard_error == 3);
}
