#include "report/run_text.hpp"

#include <sstream>

#include "core/errors.hpp"
#include "report/value_text.hpp"
#include "results/record_columns.hpp"
#include "results/sample_run.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("a description begins with accuracies and size") {
    const std::string text = describe_run(test::sample_run(), "run.h5");
    const auto lines = lines_of(text);
    REQUIRE(lines.size() > 9);
    CHECK(lines[0] == "run.h5");
    CHECK(lines[1] == "  network                  Top-1 %   Top-5 %   images");
    CHECK(lines[2] == "  full precision     80.00 ± 17.89     80.00        5");
    CHECK(lines[3] == "  quantized          40.00 ± 21.91     80.00        5");
    CHECK(lines[4] == "  same class as full precision: 60.00 ± 21.91% of the images");
    CHECK(lines[5] == "  KL(full precision ‖ quantized) in nats:");
    CHECK(lines[6] ==
          "    mean 0.3000 ± 0.1159, median 0.2500 ± 0.1875, 95% below 0.6250 ± 0.0000,");
    CHECK(lines[7] == "    largest 0.6250 ± 0.1000");
    CHECK(lines[8] == "size     160 B instead of 1 kB (6.2x), 4.50 bits a weight with scales");
    for (const char* expected :
         {"gradients: yes", "time     1.8 s: calibrate 1.2 s, solve 0.5 s",
          "made by  comq 0.1.0, commit 0123456789, 2026-01-31, node17 (--provenance: all)",
          "blocks.0.attn.qkv", "layers (2, sorted by relative_error)", "rounded inputs (2 layers)",
          "dynamic"}) {
        INFO(text);
        CHECK_THAT(text, ContainsSubstring(expected));
    }
    CHECK(text.find("features.3.expand3x3") < text.find("blocks.0.attn.qkv"));
    CHECK(text.find("checkpoint_sha256") == std::string::npos);
}

TEST_CASE("config keys at their default are left out unless all are asked for") {
    const std::string some = describe_run(test::sample_run(), "run.h5");
    CHECK_THAT(some, ContainsSubstring("name=demo_vit") && ContainsSubstring("seed=3"));
    CHECK(some.find("method=comq") == std::string::npos);
    CHECK(some.find("bits=4") == std::string::npos);
    const std::string all = describe_run(test::sample_run(), "run.h5", {.every_key = true});
    CHECK_THAT(all, ContainsSubstring("method=comq") && ContainsSubstring("bits=4"));
}

TEST_CASE("the whole provenance shows the digests that an entry of known accuracies needs") {
    RunRecord run = test::sample_run();
    const std::string text = describe_run(run, "run.h5", {.whole_provenance = true});
    CHECK_THAT(text, ContainsSubstring("checkpoint_sha256  " + std::string(64, 'c')) &&
                         ContainsSubstring("evaluation_images  " + std::string(64, 'e')) &&
                         ContainsSubstring("identity           " + std::string(64, 'a')) &&
                         ContainsSubstring("run_experiment configs/demo.yaml"));
}

TEST_CASE("the table of layers is as long as asked for") {
    const RunRecord run = test::sample_run();
    const std::string one = describe_run(run, "run.h5", {.layers = 1});
    CHECK_THAT(one, ContainsSubstring("features.3.expand3x3") &&
                        ContainsSubstring("… and 1 more (--layers all)"));
    CHECK(one.find("6 x 4") == std::string::npos);
    const std::string none = describe_run(run, "run.h5", {.layers = 0});
    CHECK(none.find("features.3") == std::string::npos);
    CHECK_THAT(none, ContainsSubstring("layers (2, sorted by relative_error)"));
}

TEST_CASE("a run that was not evaluated says so") {
    RunRecord run;
    run.config = "seed: 0\n";
    const std::string text = describe_run(run, "run.h5", {.sort = "network"});
    CHECK_THAT(text, ContainsSubstring("full precision     not evaluated"));
    CHECK_THAT(text, ContainsSubstring("layers (0, sorted by network)"));
}

TEST_CASE("a config that is no YAML is named by its file") {
    RunRecord run;
    run.config = "a: [";
    CHECK_THROWS_WITH(describe_run(run, "run.h5"), ContainsSubstring("run.h5"));
}

TEST_CASE("layers are sorted by any column") {
    std::vector<LayerRecord> layers(3);
    layers[0].name = "b";
    layers[0].relative_error = 0.1;
    layers[0].bits = 2;
    layers[1].name = "c";
    layers[1].bits = 4;
    layers[2].name = "a";
    layers[2].relative_error = 0.3;
    layers[2].bits = 3;
    using Order = std::vector<std::size_t>;
    CHECK(ordered_rows(columns_of(layers), "network", "network") == Order{0, 1, 2});
    CHECK(ordered_rows(columns_of(layers), "relative_error", "network") ==
          Order{2, 0, 1});  // NaN last
    CHECK(ordered_rows(columns_of(layers), "bits", "network") == Order{1, 2, 0});
    CHECK(ordered_rows(columns_of(layers), "name", "network") == Order{2, 0, 1});
    CHECK_THROWS_AS(ordered_rows(columns_of(layers), "speed", "network"), UsageError);
    CHECK_THROWS_WITH(ordered_rows(columns_of(layers), "speed", "network"),
                      ContainsSubstring("--sort speed: no such column; there are network, name,"));
}

TEST_CASE("the CSV of layers has every column, exact numbers and quoted text") {
    RunRecord run = test::sample_run();
    run.layers[0].name = "odd,\"name\"";
    run.layers[0].relative_error = 0.1;
    const auto lines = lines_of(layers_csv(run, "network"));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] ==
          "name,kind,in_features,out_features,groups,bits,levels_used,error,relative_error,"
          "sqnr_db,rtn_relative_error,heldout_relative_error,weight_error,sweeps,seconds,"
          "propagation,residual_strength,cumulative_error");
    CHECK(lines[1] ==
          "\"odd,\"\"name\"\"\",linear,4,6,1,4,11,12.5,0.1,24.08,0.1,0.07,0.11,4,0.375,0.5,0.25,");
    CHECK(lines[2] ==
          "features.3.expand3x3,convolution,9,2,2,2,4,3,0.25,12.04,0.5,,0.33,1,0.015625,,,0.75");
}
