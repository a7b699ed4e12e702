// Runs that were evaluated on further sets of images, as programs show them.
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text.hpp"
#include "report/compare_runs.hpp"
#include "report/run_text.hpp"
#include "results/sample_run.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the closing summary has a row for each set") {
    const std::string text = closing_summary(test::sample_run_with_sets(), "r.h5");
    INFO(text);
    CHECK_THAT(text, ContainsSubstring("v2") && ContainsSubstring("60.00 ± 21.91") &&
                         ContainsSubstring("20.00 ± 17.89") && ContainsSubstring("0.5000 ± 0.1"));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK(display_width(line) <= 80);
    }
    CHECK_THAT(describe_run(test::sample_run_with_sets(), "r.h5"),
               ContainsSubstring("real-labels"));
    CHECK_THAT(closing_sentence(test::sample_run_with_sets(), "r.h5"),
               ContainsSubstring("; on v2: full precision Top-1 60.00 ± 21.91%, quantized Top-1 "
                                 "20.00 ± 17.89%; on real-labels: "));
}

TEST_CASE("a set whose quantized network was not evaluated has a dash") {
    RunRecord run = test::sample_run_with_sets();
    run.quantized.reset();
    for (SetRecord& set : run.sets) {
        set.quantized.reset();
        set.agreement.reset();
    }
    const std::string text = closing_summary(run, "r.h5");
    CHECK(text.find("nan") == std::string::npos);
    CHECK_THAT(text, ContainsSubstring("60.00 ± 21.91             -"));
}

TEST_CASE("JSON has each set and its figures") {
    const RunRecord run = test::sample_run_with_sets();
    const auto line = nlohmann::json::parse(closing_json(run, "r.h5"));
    CHECK(line["top1"] == 40.0);
    CHECK(line["top1@v2"] == 20.0);
    CHECK(line["kl@real-labels"] == 0.5);
    CHECK(line["agreement@v2_standard_error"] == 21.91);
    const auto json = run_json(run, "r.h5", "network");
    REQUIRE(json["sets"].size() == 2);
    CHECK(json["sets"][0]["name"] == "v2");
    CHECK(json["sets"][0]["full_precision"]["top1"] == 60.0);
    CHECK(json["sets"][1]["quantized"]["images"] == 5);
    CHECK(json["full_precision_top1@v2"] == 60.0);
    CHECK(run_json(test::sample_run(), "r.h5", "network")["sets"].empty());
}

TEST_CASE("images with several right labels are paired, whichever each network is nearest to") {
    const RunRecord first = test::sample_run_with_sets();
    RunRecord second = first;
    second.sets[0].quantized->label[1] = 3;
    const auto paired = [&] { return compare_runs(first, second).accuracies[3].paired; };
    REQUIRE(paired());
    CHECK(paired()->only_second_right == 1);
    // Of other images the labels tell.
    second.sets[0].images = std::string(64, 'x');
    CHECK_FALSE(paired());
}

TEST_CASE("runs are compared set by set, image by image") {
    const RunRecord first = test::sample_run_with_sets();
    RunRecord second = first;
    second.sets[0].quantized->prediction[2] = 1;
    second.sets[0].quantized->top1 = 40;
    second.sets.pop_back();
    const RunComparison comparison = compare_runs(first, second);
    REQUIRE(comparison.accuracies.size() == 6);
    CHECK(comparison.accuracies[1].set.empty());
    CHECK(comparison.accuracies[3].network == "quantized");
    CHECK(comparison.accuracies[3].set == "v2");
    CHECK(comparison.accuracies[3].paired->only_second_right == 1);
    CHECK(comparison.accuracies[3].divergence->difference.value == 0.0);
    CHECK(comparison.accuracies[5].set == "real-labels");
    CHECK_FALSE(comparison.accuracies[5].paired);
    CHECK(comparison.figures.front().figure->name == "top1@v2");
    const std::string text = describe_comparison(comparison);
    CHECK_THAT(text, ContainsSubstring("quantized Top-1 on v2 (%): 20.00 ± 17.89 | 40.00 ± "));
    CHECK_THAT(text, ContainsSubstring("quantized Top-1 on real-labels (%): 20.00 ± 17.89 | -"));
    const auto json = comparison_json(comparison);
    CHECK(json["accuracies"][1]["set"].is_null());
    CHECK(json["accuracies"][3]["set"] == "v2");
}
