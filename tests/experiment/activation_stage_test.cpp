#include <algorithm>
#include <cmath>

#include "experiment/layer_plan.hpp"
#include "experiment/run_plan.hpp"
#include "experiment/runs.hpp"
#include "results/run_file.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> small_run(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"calibration.images=64", "evaluation.images=300", "quantization.method=rtn"});
    return more;
}

RunRecord rounded_run(const std::string& name, std::vector<std::string> more,
                      const fs::path& folder = test::temporary_folder()) {
    return test::run_shipped(name, folder, small_run(std::move(more)));
}

const std::vector<std::string> weights_kept{"quantization.method=none"};

double agreement_of(const std::string& name, std::vector<std::string> activations) {
    activations.insert(activations.begin(), weights_kept.begin(), weights_kept.end());
    return *rounded_run(name, activations).agreement;
}

bool same_range(const ActivationRecord& a, const ActivationRecord& b) {
    return a.layer == b.layer && a.bits == b.bits &&
           std::ranges::equal(a.minimum.bytes(), b.minimum.bytes()) &&
           std::ranges::equal(a.maximum.bytes(), b.maximum.bytes());
}

}  // namespace

TEST_CASE("8-bit inputs lose almost nothing, with the weights as they are") {
    const std::string name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const std::string granularity = GENERATE("per_tensor", "per_channel", "per_token");
    INFO(name << " " << granularity);
    CHECK(agreement_of(name, {"activations.bits=8", "activations.granularity=" + granularity}) >=
          99.0);
}

TEST_CASE("at few bits a token of its own range keeps more than one range for all") {
    const auto at = [](const std::string& granularity) {
        return agreement_of("demo_vit_4bit",
                            {"activations.bits=4", "activations.granularity=" + granularity});
    };
    CHECK(at("per_token") > at("per_tensor"));
}

TEST_CASE("rounded inputs change the quantized evaluation and nothing else") {
    const auto plain = rounded_run("demo_vit_4bit", {});
    const auto rounded = rounded_run("demo_vit_4bit", {"activations.bits=3"});
    CHECK(plain.activations.empty());
    CHECK(plain.full_precision->prediction == rounded.full_precision->prediction);
    CHECK(plain.quantized->prediction != rounded.quantized->prediction);
    REQUIRE(plain.layers.size() == rounded.layers.size());
    for (std::size_t i = 0; i < plain.layers.size(); ++i) {
        CHECK(std::ranges::equal(plain.layers[i].bit_code.bytes(),
                                 rounded.layers[i].bit_code.bytes()));
        CHECK(plain.layers[i].error == rounded.layers[i].error);
        CHECK(rounded.activations.at(i).layer == rounded.layers[i].name);
    }
}

TEST_CASE("method none rounds the inputs of the layers that rules leave") {
    const auto folder = test::temporary_folder();
    const auto run = rounded_run(
        "demo_vit_4bit",
        {"quantization.method=none", "activations.bits=8", "activations.granularity=per_channel",
         "quantization.layers=[{match: '*.mlp.*', quantize: false}]"},
        folder);
    CHECK(run.layers.empty());
    REQUIRE_FALSE(run.activations.empty());
    for (const auto& record : run.activations) {
        CHECK_FALSE(glob_matches("*.mlp.*", record.layer));
        CHECK(record.bits == 8);
        CHECK(record.minimum.numel() > 1);
    }
    const auto read = read_run_file(folder / "demo_vit_4bit.h5", ReadScope::summary);
    CHECK(std::ranges::equal(read.activations, run.activations, same_range));
}

TEST_CASE("ranges found while the network runs are marked by their absence") {
    const auto folder = test::temporary_folder();
    const auto run = rounded_run(
        "demo_cnn_4bit", {"activations.bits=8", "activations.granularity=per_token"}, folder);
    const auto read = read_run_file(folder / "demo_cnn_4bit.h5", ReadScope::summary);
    REQUIRE(read.activations.size() == run.layers.size());
    for (const auto& record : read.activations) CHECK(record.minimum.shape.empty());
}

TEST_CASE("rounded runs have the same bits for any number of threads") {
    std::vector<std::string> keys{"activations.bits=4", "activations.range=percentile"};
    keys.emplace_back("resources.threads=1");
    const auto one = rounded_run("demo_cnn_4bit", keys);
    keys.back() = "resources.threads=3";
    const auto three = rounded_run("demo_cnn_4bit", keys);
    CHECK(std::ranges::equal(one.activations, three.activations, same_range));
    CHECK(one.quantized->prediction == three.quantized->prediction);
}

TEST_CASE("a resumed run takes the ranges from the journal") {
    const auto folder = test::temporary_folder();
    const auto loaded =
        test::shipped_config("demo_vit_4bit", folder, small_run({"activations.bits=4"}));
    const auto whole = run_experiment(loaded, {});
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const auto images = open_images(loaded.config);
    {
        RunJournal journal(loaded.config.output.file,
                           run_keys(loaded.config, model, images).identity, Leftover::restart, {});
        // Wider ones than would be found, to see where they come from.
        TensorMap ranges;
        for (const auto& record : whole.activations) {
            ranges[record.layer + "/minimum"] = to_host(to_torch(record.minimum) * 2);
            ranges[record.layer + "/maximum"] = to_host(to_torch(record.maximum) * 2);
        }
        journal.store_tensors(TensorSet::input_ranges, ranges);
    }
    fs::remove(loaded.config.output.file);
    const auto resumed = run_experiment(loaded, {Leftover::resume, {}});
    for (std::size_t i = 0; i < whole.activations.size(); ++i) {
        CHECK(torch::equal(to_torch(resumed.activations.at(i).maximum),
                           to_torch(whole.activations[i].maximum) * 2));
    }
    CHECK(resumed.quantized->prediction != whole.quantized->prediction);
}

TEST_CASE("a plan tells that inputs are rounded") {
    const auto text = layers_text(
        plan_run(test::shipped_config("demo_vit_4bit", test::temporary_folder(),
                                      {"activations.bits=4", "activations.range=percentile",
                                       "quantization.method=none"})
                     .config));
    CHECK_THAT(text, ContainsSubstring("are rounded to 4 bits, per tensor; ranges: percentile 99.9"
                                       " of "));
}
