#include <limits>

#include "core/json_text.hpp"
#include "report/compare_runs.hpp"
#include "report/value_text.hpp"
#include "report/run_text.hpp"
#include "results/sample_run.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("numbers in JSON are those that are printed") {
    CHECK(with_decimals(93.1499999, 2).dump() == "93.15");
    CHECK(with_decimals(93.0, 2).dump() == "93.0");
    CHECK(with_decimals(-0.001, 2).dump() == "0.0");
    CHECK(with_digits(0.00806123, 3).dump() == "0.00806");
    CHECK(with_digits(1.0 / 3.0, 5).dump() == "0.33333");
    CHECK(with_decimals(not_measured, 2).is_null());
    CHECK(with_digits(std::numeric_limits<double>::infinity(), 2).is_null());
}

TEST_CASE("a run as JSON has accuracies, size, config, provenance and the layers") {
    const auto json = run_json(test::sample_run(), "run.h5", "network");
    CHECK(json["file"] == "run.h5");
    CHECK(json["full_precision"].dump() ==
          R"({"top1":80.0,"top1_standard_error":17.89,"top5":80.0,"images":5})");
    for (const Figure& figure : figure_columns()) CHECK(json.contains(figure.name));
    CHECK(json["agreement"] == 60);
    CHECK(json["size"]["quantized_bytes"] == 160);
    CHECK(json["config"]["quantization"]["bits"] == 4);
    CHECK(json["provenance"]["seed"] == 3);
    CHECK(json["provenance"]["evaluation_images"] == std::string(64, 'e'));
    REQUIRE(json["layers"].size() == 2);
    CHECK(json["layers"][0]["name"] == "blocks.0.attn.qkv");
    CHECK(json["layers"][0]["relative_error"] == 0.0625);
    CHECK(json["layers"][1]["heldout_relative_error"].is_null());
    CHECK(json_text(json).ends_with("}\n"));
    CHECK(run_json(test::sample_run(), "run.h5", "relative_error")["layers"][0]["name"] ==
          "features.3.expand3x3");
}

TEST_CASE("what a run has not measured is null in JSON") {
    RunRecord run;
    run.config = "seed: 0\n";
    const auto json = run_json(run, "run.h5", "network");
    CHECK(json["full_precision"].is_null());
    CHECK(json["agreement"].is_null());
    CHECK(json["mean_squared_relative_error"].is_null());
    CHECK(json["size"]["average_bits_with_scales"].is_null());
    CHECK(json["provenance"]["git_commit"].is_null());
    CHECK(json["layers"].empty());
}

TEST_CASE("a comparison as JSON has keys, accuracies with their test, and layers") {
    RunRecord second = test::sample_run();
    second.config = "seed: 4\n";
    second.layers.pop_back();
    const auto json = comparison_json(compare_runs(test::sample_run(), second));
    CHECK(json["accuracies"][1]["network"] == "quantized");
    CHECK(json["figures"][0]["figure"] == "mean_squared_relative_error");
    CHECK(json["figures"][0]["second"] == 0.0039062);
    CHECK(json["accuracies"][1]["paired_test"]["p_value"] == 1.0);
    CHECK(json["config"].back()["second"] == "4");
    REQUIRE(json["layers"].size() == 2);
    CHECK(json["layers"][0]["equal_codes_percent"] == 100.0);
    CHECK(json["layers"][1]["second_bits"].is_null());
    CHECK(json["layers"][1]["second_relative_error"].is_null());
    second.quantized.reset();
    CHECK(comparison_json(compare_runs(test::sample_run(), second))["accuracies"][1]["paired_test"]
              .is_null());
}
