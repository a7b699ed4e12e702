#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "experiment/runs.hpp"
#include "experiment/stages/stages.hpp"
#include "networks/registry.hpp"
#include "results/figures.hpp"
#include "results/run_file.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> small{"calibration.images=128", "evaluation.images=300"};

std::vector<std::string> with(std::vector<std::string> more) {
    more.insert(more.end(), small.begin(), small.end());
    return more;
}

bool same_bytes(const HostTensor& a, const HostTensor& b) {
    return a.shape == b.shape && std::ranges::equal(a.bytes(), b.bytes());
}

void check_same_numbers(const RunRecord& a, const RunRecord& b) {
    CHECK(a.identity == b.identity);
    CHECK(a.quantized->prediction == b.quantized->prediction);
    CHECK(a.quantized->kl == b.quantized->kl);
    REQUIRE(a.layers.size() == b.layers.size());
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        CHECK(same_bytes(a.layers[i].bit_code, b.layers[i].bit_code));
        CHECK(same_bytes(a.layers[i].scale, b.layers[i].scale));
        CHECK(a.layers[i].error == b.layers[i].error);
        CHECK(a.layers[i].cumulative_error == b.layers[i].cumulative_error);
    }
}

}  // namespace

TEST_CASE("the demo networks lose little at 4 bits and their result file can be read") {
    const std::string name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const auto folder = test::temporary_folder();
    const auto run = test::run_shipped(name, folder);
    CHECK(run.full_precision->top1 >= 90.0);
    CHECK(run.quantized->top1 >= run.full_precision->top1 - 3.0);
    CHECK(*run.agreement >= 90.0);

    const auto file = folder / (name + ".h5");
    const auto read = read_run_file(file, ReadScope::everything);
    check_same_numbers(run, read);
    CHECK(read.calibration_images.size() > 0);
    CHECK(read.heldout_images == run.heldout_images);
    CHECK(read.quantized->kl == run.quantized->kl);
    CHECK(find_figure("kl")->value(run) > 0.0);
    CHECK(find_figure("kl")->value(run) < 0.5);
    // The first layer has no one before it, and what it sees is what calibration saw.
    CHECK(read.layers.front().cumulative_error ==
          Approx(read.layers.front().relative_error).epsilon(0.2));
    for (const LayerRecord& layer : read.layers) CHECK(layer.cumulative_error > 0.0);
    CHECK_FALSE(fs::exists(RunJournal::folder_of(file)));
}

TEST_CASE("codes do not depend on the number of threads") {
    const std::string name = GENERATE("demo_vit_4bit", "demo_cnn_4bit");
    const auto one =
        test::run_shipped(name, test::temporary_folder(), with({"resources.threads=1"}));
    const auto four =
        test::run_shipped(name, test::temporary_folder(), with({"resources.threads=4"}));
    check_same_numbers(one, four);
}

TEST_CASE("statistics in several passes under a small memory budget give the same codes") {
    const auto whole = test::run_shipped("demo_vit_4bit", test::temporary_folder(), with({}));
    auto config = test::shipped_config("demo_vit_4bit", test::temporary_folder(), with({}));
    config.config.resources.memory_bytes = 400'000;
    const auto split = run_experiment(config, {});
    check_same_numbers(whole, split);
    CHECK(cost_of_run(probe_run(config.config)).forward_passes > 1);
}

TEST_CASE("held-out images are measured and change no code") {
    const auto plain = test::run_shipped("demo_vit_4bit", test::temporary_folder(), with({}));
    const auto measured = test::run_shipped("demo_vit_4bit", test::temporary_folder(),
                                            with({"calibration.holdout=64"}));
    for (std::size_t i = 0; i < plain.layers.size(); ++i) {
        CHECK(same_bytes(plain.layers[i].bit_code, measured.layers[i].bit_code));
        CHECK(std::isnan(plain.layers[i].heldout_relative_error));
        CHECK(measured.layers[i].heldout_relative_error > 0.0);
    }
}

TEST_CASE("method none evaluates the checkpoint alone") {
    const auto run = test::run_shipped("demo_cnn_4bit", test::temporary_folder(),
                                       {"quantization.method=none", "evaluation.images=100"});
    CHECK(run.layers.empty());
    CHECK(run.full_precision->images == 100);
    CHECK_FALSE(run.quantized.has_value());
}

TEST_CASE("a finished run drops what a kill left of its journal") {
    const auto folder = test::temporary_folder();
    const auto loaded = test::shipped_config("demo_cnn_4bit", folder, with({}));
    const auto run = run_experiment(loaded, {});
    test::new_journal(loaded).store_layer(run.layers.front());
    REQUIRE(fs::exists(RunJournal::folder_of(loaded.config.output.file)));
    CHECK(run_experiment(loaded, {}).identity == run.identity);
    CHECK_FALSE(fs::exists(RunJournal::folder_of(loaded.config.output.file)));
}

TEST_CASE("runs of several seeds are evaluated on the same images") {
    const auto image = [](const char* seed) {
        return test::run_shipped("demo_cnn_4bit", test::temporary_folder(),
                                 {seed, "quantization.method=none", "evaluation.images=40"})
            .full_precision->image;
    };
    CHECK(image("seed=0") == image("seed=1"));
}

TEST_CASE("the gate stops a run whose full-precision accuracy is not the expected one") {
    const auto folder = test::temporary_folder();
    CHECK_THROWS_AS(
        test::run_shipped("demo_vit_4bit", folder, with({"evaluation.expected_top1=20"})),
        GateError);
    CHECK(fs::is_empty(folder));
}

namespace {

/** All parameters of the demo CNN zero: it predicts class 0 whatever it sees. */
std::string blank_weights(const fs::path& folder) {
    const auto network = find_model("demo_cnn").make();
    TensorMap tensors;
    for (const auto& [name, tensor] : network->state_dict()) tensors[name] = to_host(tensor);
    const auto file = folder / "blank.safetensors";
    write_safetensors(file, tensors, {});
    return "model.weights=" + file.string();
}

}  // namespace

TEST_CASE("a network at chance level is not quantized unless a key allows it") {
    const auto folder = test::temporary_folder();
    const std::string weights = blank_weights(test::temporary_folder());
    CHECK_THROWS_WITH(
        test::run_shipped("demo_cnn_4bit", folder, with({weights})),
        ContainsSubstring("no better than guessing") && ContainsSubstring("predicts class 0"));
    CHECK(fs::is_empty(folder));
    const auto allowed =
        test::run_shipped("demo_cnn_4bit", folder, with({weights, "evaluation.allow_chance=true"}));
    CHECK(allowed.quantized.has_value());
    // Whoever only evaluates wants to know the number.
    const auto evaluated = test::run_shipped("demo_cnn_4bit", test::temporary_folder(),
                                             with({weights, "quantization.method=none"}));
    CHECK(evaluated.full_precision->top1 < 20.0);
}

TEST_CASE("the gate loses no layer that an earlier attempt has finished") {
    const auto folder = test::temporary_folder();
    const auto loaded = test::shipped_config("demo_vit_4bit", folder, with({}));
    const auto whole = run_experiment(loaded, {});
    fs::remove(loaded.config.output.file);
    test::new_journal(loaded).store_layer(whole.layers.front());
    CHECK_THROWS_AS(test::run_shipped("demo_vit_4bit", folder,
                                      with({"evaluation.expected_top1=20"}), Leftover::resume),
                    GateError);
    CHECK(fs::exists(RunJournal::folder_of(loaded.config.output.file) /
                     ("layer." + whole.layers.front().name + ".safetensors")));
    check_same_numbers(whole, run_experiment(loaded, {Leftover::resume, {}}));
}

TEST_CASE("a result of another run is not overwritten by accident") {
    const auto folder = test::temporary_folder();
    const auto first = test::run_shipped("demo_vit_4bit", folder, with({}));
    CHECK_THROWS_WITH(test::run_shipped("demo_vit_4bit", folder, with({"quantization.bits=3"})),
                      ContainsSubstring("quantization.bits") && ContainsSubstring("--restart"));
    const auto again = test::run_shipped("demo_vit_4bit", folder, with({}));
    CHECK(again.identity == first.identity);
    CHECK(again.provenance.finished_utc == first.provenance.finished_utc);
    CHECK(again.stages.size() == first.stages.size());
    check_same_numbers(first,
                       test::run_shipped("demo_vit_4bit", folder, with({}), Leftover::restart));
    CHECK_NOTHROW(test::run_shipped("demo_vit_4bit", folder, with({"quantization.bits=3"}),
                                    Leftover::restart));
}
