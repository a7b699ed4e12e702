#include "results/figures.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

double value_of(const char* figure, const RunRecord& run) {
    return find_figure(figure)->value(run);
}

}  // namespace

TEST_CASE("figures have one name each, a unit, a description, and standard errors behind theirs") {
    std::set<std::string> names;
    for (const Figure& figure : figure_columns()) {
        INFO(figure.name);
        CHECK(names.insert(figure.name).second);
        CHECK(std::set<std::string>{"percent", "bit", "s", "1", "nat"}.contains(figure.unit));
        CHECK_FALSE(figure.description.empty());
    }
    CHECK(figure_columns()[3].name == "top1_standard_error");
    CHECK(find_figure("top1_standard_error") == nullptr);
    CHECK(find_figure("average_bits") == nullptr);  // of codes, or with scales?
}

TEST_CASE("results/README.md says what every figure is") {
    std::ifstream stream(test::source_dir() / "results" / "README.md");
    const std::string page{std::istreambuf_iterator<char>(stream), {}};
    for (const Figure& figure : figures()) CHECK_THAT(page, ContainsSubstring(figure.name));
}

TEST_CASE("figures of a run are those of its evaluations, its layers, its size and its stages") {
    RunRecord run = test::sample_run();
    CHECK(value_of("full_precision_top1", run) == run.full_precision->top1);
    CHECK(value_of("top1", run) == run.quantized->top1);
    run.quantized->top1_standard_error = 3.5;  // the file's counts
    CHECK(find_figure("top1")->of(run).standard_error == 3.5);
    CHECK(std::isnan(find_figure("seconds")->of(run).standard_error));
    CHECK(find_figure("top5")->standard_error(run) == Approx(100 * std::sqrt(0.8 * 0.2 / 5)));
    CHECK(find_figure("agreement")->standard_error(run) == Approx(100 * std::sqrt(0.6 * 0.4 / 5)));
    CHECK(value_of("agreement", run) == *run.agreement);
    CHECK(value_of("average_bits_with_scales", run) == run.model_size.average_bits_with_scales);
    double bits = 0;
    double weights = 0;
    double squares = 0;
    for (const LayerRecord& layer : run.layers) {
        bits += static_cast<double>(layer.bits * layer.in_features * layer.out_features);
        weights += static_cast<double>(layer.in_features * layer.out_features);
        squares += layer.relative_error * layer.relative_error;
    }
    CHECK(value_of("average_code_bits", run) == Approx(bits / weights));
    CHECK(value_of("mean_squared_relative_error", run) == Approx(squares / 2));
    run.stages = {{"calibrate", 1.5}, {"solve", 0.5}, {"solve", 0.25}};
    CHECK(value_of("calibration_seconds", run) == 1.5);
    CHECK(value_of("solve_seconds", run) == 0.75);  // both parts of the stage
    CHECK(value_of("seconds", run) == 2.25);
}

TEST_CASE("divergences have a mean, quantiles and a largest, each with its error") {
    RunRecord run = test::sample_run();  // 0.25, 0.5, 0, 0.125, 0.625
    CHECK(value_of("kl", run) == Approx(0.3));
    // Sum of squared deviations 0.26875, over n − 1 = 4 and n = 5.
    CHECK(find_figure("kl")->of(run).standard_error == Approx(std::sqrt(0.26875 / 4 / 5)));
    CHECK(value_of("kl_median", run) == 0.25);
    CHECK(value_of("kl_95", run) == 0.625);
    CHECK(value_of("kl_largest", run) == 0.625);
    CHECK(find_figure("kl_largest")->of(run).standard_error == Approx(0.8 * 0.125));
    run.quantized->kl.clear();
    CHECK_FALSE(find_figure("kl")->of(run).exists());
    run.quantized.reset();
    CHECK(std::isnan(value_of("kl_median", run)));
}

TEST_CASE("a stage that a run did not go through has no time") {
    RunRecord run = test::sample_run();
    // Its statistics came from the cache.
    run.stages = {{"solve", 0.5}, {"evaluate quantized", 1.0}};
    CHECK(std::isnan(value_of("calibration_seconds", run)));
    CHECK(value_of("solve_seconds", run) == 0.5);
    CHECK(value_of("seconds", run) == 1.5);
    // It was resumed after its last layer.
    run.stages = {{"evaluate quantized", 1.0}};
    CHECK(std::isnan(value_of("solve_seconds", run)));
    run.stages.clear();
    CHECK(std::isnan(value_of("seconds", run)));
}

TEST_CASE("the error on held-out images is a figure where every layer has one") {
    RunRecord run = test::sample_run();
    run.layers.front().heldout_relative_error = not_measured;
    CHECK(std::isnan(value_of("mean_squared_heldout_error", run)));
    for (auto& layer : run.layers) layer.heldout_relative_error = 0.5;
    CHECK(value_of("mean_squared_heldout_error", run) == 0.25);
    CHECK(value_of("mean_heldout_relative_error", run) == 0.5);
}

TEST_CASE("what was not measured is NaN in every figure") {
    for (const Figure& figure : figure_columns()) {
        INFO(figure.name);
        CHECK(std::isnan(figure.value(RunRecord{})));
    }
}

TEST_CASE("figures of predictions exist for each set of images") {
    const RunRecord run = test::sample_run_with_sets();
    CHECK(value_of("full_precision_top1@v2", run) == 60);
    CHECK(value_of("top1@v2", run) == 20);
    CHECK(value_of("top1", run) == 40);
    CHECK(value_of("agreement@real-labels", run) == 40);
    CHECK(value_of("kl@v2", run) == 0.5);
    CHECK(value_of("kl_largest@v2", run) == 1);
    CHECK(find_figure("top1@v2")->of(run).standard_error ==
          run.sets[0].quantized->top1_standard_error);
    CHECK(find_figure("top1@v2") == find_figure("top1@v2"));
    CHECK(find_figure("top1@v2")->set == "v2");
    CHECK(find_figure("full_precision_top1@v2")->before_quantization);
    CHECK(std::isnan(value_of("top1@another", run)));
    for (const char* none : {"top1@", "@v2", "seconds@v2", "average_code_bits@v2", "top@v2",
                             "top1@v2_standard_error"}) {
        INFO(none);
        CHECK(find_figure(none) == nullptr);
    }
    std::set<std::string> names;
    for (const Figure& figure : figure_columns(set_names(run))) names.insert(figure.name);
    CHECK(names.contains("kl_95@v2_standard_error"));
    CHECK(names.contains("top1@real-labels"));
    CHECK_FALSE(names.contains("seconds@v2"));
}
