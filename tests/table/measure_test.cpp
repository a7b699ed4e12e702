#include <cmath>

#include "support/catch.hpp"
#include "table/made_runs.hpp"
#include "table/measure.hpp"

using namespace comq;

TEST_CASE("measures of a run") {
    const RunRecord run = test::record_of({.right = 80, .images = 100});
    const auto top1 = measured(Measure::top1, run);
    CHECK(top1->value == Approx(80));
    CHECK(top1->standard_error == Approx(4));  // 100·sqrt(0.8·0.2/100)
    CHECK(measured(Measure::full_precision, run)->value == Approx(95));
    CHECK(measured(Measure::agreement, run)->value == 80);
    CHECK(measured(Measure::squared_error, run)->value == 0.0625);
    CHECK(std::isnan(measured(Measure::squared_error, run)->standard_error));
    CHECK(measured(Measure::solve_seconds, run)->value == 0.75);  // both parts of the stage
    CHECK(measured(Measure::calibration_seconds, run)->value == 1.5);
    CHECK(measured(Measure::total_seconds, run)->value == 2.25);
}

TEST_CASE("a stage that a run did not go through has no time") {
    RunRecord run = test::record_of({});
    // Its statistics came from the cache.
    run.stages = {{"solve", 0.5}, {"evaluate quantized", 1.0}};
    CHECK_FALSE(measured(Measure::calibration_seconds, run).has_value());
    CHECK(measured(Measure::solve_seconds, run)->value == 0.5);
    CHECK(measured(Measure::total_seconds, run)->value == 1.5);
    // It was resumed after its last layer.
    run.stages = {{"evaluate quantized", 1.0}};
    CHECK_FALSE(measured(Measure::solve_seconds, run).has_value());
}

TEST_CASE("the error on held-out images is a measure where there were some") {
    RunRecord run = test::record_of({});
    for (auto& layer : run.layers) layer.heldout_relative_error = not_measured;
    CHECK_FALSE(measured(Measure::heldout_squared_error, run).has_value());
    for (auto& layer : run.layers) layer.heldout_relative_error = 0.5;
    CHECK(measured(Measure::heldout_squared_error, run)->value == 0.25);
}

TEST_CASE("a run without quantization has only the float network's accuracy") {
    const RunRecord run = test::record_of({.overrides = {"quantization.method=none"}});
    CHECK(measured(Measure::full_precision, run).has_value());
    for (const auto measure : {Measure::top1, Measure::top5, Measure::agreement,
                               Measure::squared_error, Measure::average_bits}) {
        CHECK_FALSE(measured(measure, run).has_value());
    }
}

TEST_CASE("runs are averaged with the standard error of their mean") {
    const Measurement mean = mean_of({{70, 3}, {71, 3}, {75, 3}});
    CHECK(mean.value == Approx(72));
    // Sample variance ((−2)² + (−1)² + 3²) / 2 = 7, over 3 runs.
    CHECK(mean.standard_error == Approx(std::sqrt(7.0 / 3)));
    CHECK(mean_of({{70, 3}}).standard_error == 3);
}
