#include "report/run_text.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text.hpp"
#include "results/sample_run.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the closing summary has accuracies, agreement, size, worst layers and a next command") {
    const std::string text = closing_summary(test::sample_run(), "results/a b.h5");
    for (const char* expected :
         {"full precision     80.00 ± 17.89     80.00        5",
          "quantized          40.00 ± 21.91     80.00        5",
          "same class as full precision: 60.00 ± 21.91% of the images",
          "KL(full precision ‖ quantized) in nats:\n    mean 0.3000 ± 0.1159, median 0.2500 ± ",
          "size    160 B instead of 1 kB (6.2x), 4.50 bits a weight with scales",
          "inputs of 2 layers rounded to 8 bits",
          "features.3.expand3x3  2 bits  0.2500  (RTN 0.5000)",
          "most sensitive: KL of the predictions with that alone at 2 bits\n    blocks.0.attn.qkv  "
          "0.5000 ± "
          "0.0625",
          "2 of 2 layers are below round-to-nearest", "time    1.8 s: calibrate 1.2 s, solve 0.5 s",
          "result  results/a b.h5", "next    inspect_results 'results/a b.h5'"}) {
        INFO(text);
        CHECK_THAT(text, ContainsSubstring(expected));
    }
    CHECK(text.find('{') == std::string::npos);
}

TEST_CASE("no line of the closing summary is wider than 80 columns") {
    RunRecord run = test::sample_run();
    run.layers[0].name = "stages.3.blocks.17." + std::string(80, 'x');
    for (int i = 0; i < 9; ++i) run.stages.push_back({"evaluate full precision", 4000.0 + i});
    std::istringstream lines(closing_summary(run, "results/run.h5"));
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK(display_width(line) <= 80);
    }
}

TEST_CASE("an evaluation alone has no line about quantization") {
    RunRecord run = test::sample_run();
    run.layers.clear();
    run.activations.clear();
    run.quantized.reset();
    run.agreement.reset();
    const std::string text = closing_summary(run, "run.h5");
    CHECK(text.find("quantized") == std::string::npos);
    CHECK(text.find("nan") == std::string::npos);
    CHECK_THAT(text, ContainsSubstring("size    1 kB as floats\n"));
    CHECK(closing_sentence(run, "run.h5") == "run.h5: full precision Top-1 80.00 ± 17.89%\n");
}

TEST_CASE("the closing JSON is rounded as printed, and null where nothing was measured") {
    RunRecord run = test::sample_run();
    run.quantized->top1_standard_error = 21.9089023;
    run.layers[1].relative_error = not_measured;
    run.agreement.reset();
    const std::string text = closing_json(run, "/r/run.h5");
    CHECK(text.find('\n') == std::string::npos);
    const auto json = nlohmann::json::parse(text);
    CHECK(json["file"] == "/r/run.h5");
    CHECK(json["top1"] == 40.0);
    CHECK_THAT(text, ContainsSubstring("\"top1_standard_error\":21.91,"));
    CHECK(json["agreement"].is_null());
    CHECK(json["mean_squared_relative_error"].is_null());
    CHECK(json["seconds"] == 1.75);
    CHECK(json["calibration_seconds"] == 1.25);
    run.layers.clear();
    CHECK(nlohmann::json::parse(closing_json(run, "f"))["average_bits_with_scales"].is_null());
}
