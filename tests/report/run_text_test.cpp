#include "report/run_text.hpp"

#include <sstream>

#include "core/errors.hpp"
#include "results/layer_columns.hpp"
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

TEST_CASE("a run is described with everything a reader asks for") {
    const std::string text = describe_run(test::sample_run(), "run.h5", "relative_error");
    for (const char* expected :
         {"run.h5: identity aaaa", "gradients: yes", "bits=4", "name=demo_vit", "node17",
          "run_experiment configs/demo.yaml", "calibrate          1.2 s", "80.00 ± 17.89",
          "40.00 ± 21.91", "agreement           60.00",
          "1 kB as floats, 160 B quantized (6.2x), 4.50 bits a weight", "blocks.0.attn.qkv",
          "layers (2, sorted by relative_error)", "rounded inputs (2 layers)", "dynamic"}) {
        INFO(text);
        CHECK_THAT(text, ContainsSubstring(expected));
    }
    CHECK(text.find("features.3.expand3x3") < text.find("blocks.0.attn.qkv"));
}

TEST_CASE("a run that was not evaluated says so") {
    RunRecord run;
    run.config = "seed: 0\n";
    const std::string text = describe_run(run, "run.h5", "network");
    CHECK_THAT(text, ContainsSubstring("full precision    not evaluated"));
    CHECK_THAT(text, ContainsSubstring("layers (0, sorted by network)"));
}

TEST_CASE("a config that is no YAML is named by its file") {
    RunRecord run;
    run.config = "a: [";
    CHECK_THROWS_WITH(describe_run(run, "run.h5", "network"),
                      ContainsSubstring("run.h5: the stored config is no YAML"));
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
    CHECK(sorted_layers(layers, "network") == Order{0, 1, 2});
    CHECK(sorted_layers(layers, "relative_error") == Order{2, 0, 1});  // NaN last
    CHECK(sorted_layers(layers, "bits") == Order{1, 2, 0});
    CHECK(sorted_layers(layers, "name") == Order{2, 0, 1});
    CHECK_THROWS_AS(sorted_layers(layers, "speed"), UsageError);
    CHECK_THROWS_WITH(sorted_layers(layers, "speed"),
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
          "propagation");
    CHECK(lines[1] ==
          "\"odd,\"\"name\"\"\",linear,4,6,1,4,11,12.5,0.1,24.08,0.1,0.07,0.11,4,0.375,0.5");
    CHECK(lines[2] ==
          "features.3.expand3x3,convolution,9,2,2,2,4,3,0.25,12.04,0.5,,0.33,1,0.015625,");
}
